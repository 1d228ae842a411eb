package scorer

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var alice = Order{Who: "alice", Why: "canary", At: start}

func steady(n int, completed, failed float64) map[string]seen {
	counts := map[string]seen{}
	for i := range n {
		counts[fmt.Sprintf("s%d", i)] = seen{completed / 50, completed, failed, 0}
	}
	return counts
}

func TestPinnedIsExactAndAtOnce(t *testing.T) {
	r := newRig(t, Config{}, equalBackends(4)...)
	r.step(steady(4, 200, 0))
	r.pool.SetOrders(Orders{Pins: map[string]Pin{"s1": {alice, 0.1}, "later": {alice, 2}}})
	counts := steady(4, 200, 0)
	counts["s1"] = seen{4, 200, 200, 0} // fails everything: it stays, as a person wants it there
	for range 5 {
		r.step(counts)
		d := r.decision("s1")
		if d.Weight != 0.1 || d.State != StateReady || !d.Pinned || d.Why != "pinned to 0.1 by alice: canary" {
			t.Fatalf("decision %+v", d)
		}
	}
	if got := r.decision("s0").Weight; math.Abs(got-1.3) > 0.01 {
		t.Errorf("the others have %v, want the rest shared: 1.3", got)
	}
	rounded := NewRounder(RounderConfig{Max: 256}).Round(Plan{Decisions: []Decision{
		{Backend: "a", Weight: 1}, {Backend: "b", Weight: 1.04, Pinned: true}, {Backend: "c", Weight: 1},
	}}, LeastConnections)
	if w := rounded.Weights; w[0] != w[2] || w[1] == w[0] {
		t.Errorf("rounded to %v, want the pinned one apart", w)
	}
	r.pool.SetOrders(Orders{})
	r.step(counts)
	if d := r.decision("s1"); d.Pinned || strings.Contains(d.Why, "alice") {
		t.Errorf("after unpinning: %+v", d)
	}
}

func TestPinReadmits(t *testing.T) {
	r := newRig(t, Config{}, equalBackends(4)...)
	counts := steady(4, 200, 0)
	counts["s2"] = seen{4, 200, 200, 0}
	for range 5 {
		r.step(counts)
	}
	if d := r.decision("s2"); d.State != StateEjected {
		t.Fatalf("decision %+v, the test needs an ejected backend", d)
	}
	r.pool.SetOrders(Orders{Pins: map[string]Pin{"s2": {alice, 1}}})
	r.step(counts)
	if d := r.decision("s2"); d.State != StateReady || d.Weight != 1 {
		t.Errorf("decision %+v, want it back as ordered", d)
	}
}

func TestPinsThatLeaveNoRoom(t *testing.T) {
	whole := t
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "n")
		r := newRig(whole, Config{}, equalBackends(n)...)
		orders := Orders{Pins: map[string]Pin{}}
		for i := range n {
			if rapid.Bool().Draw(t, "pinned") {
				orders.Pins[fmt.Sprintf("s%d", i)] = Pin{alice, rapid.Float64Range(0.01, 50).Draw(t, "weight")}
			}
		}
		r.pool.SetOrders(orders)
		for range 3 {
			r.step(steady(n, 200, 0))
			for _, d := range r.plan.Decisions {
				pin, ok := orders.Pins[d.Backend]
				switch {
				case ok && d.Weight != pin.Weight:
					t.Fatalf("%s: weight %v, pinned to %v", d.Backend, d.Weight, pin.Weight)
				case !ok && !(d.Weight >= DefaultLimits().Floor && d.Weight <= DefaultLimits().Ceiling):
					t.Fatalf("%s: weight %v", d.Backend, d.Weight)
				}
			}
		}
	})
}

func TestDrainedAndBack(t *testing.T) {
	r := newRig(t, Config{}, equalBackends(3)...)
	r.step(steady(3, 200, 0))
	r.pool.SetOrders(Orders{Drains: map[string]Drain{"s0": {Order: alice}}})
	r.step(steady(3, 200, 0))
	if d := r.decision("s0"); d.State != StateDraining || d.Weight != 0 || d.Why != "drained by alice: canary" {
		t.Errorf("decision %+v", d)
	}
	r.pool.SetOrders(Orders{})
	r.step(steady(3, 200, 0))
	if d := r.decision("s0"); d.State != StateReady || d.Weight > 0.2 || !strings.HasPrefix(d.Why, "slow start") {
		t.Errorf("decision %+v, want slow start", d)
	}
}

func TestFrozenKeepsEverything(t *testing.T) {
	capacity := map[string]float64{"s0": 400, "s1": 400, "s2": 200, "s3": 100}
	r := newRig(t, Config{}, equalBackends(4)...)
	for range 60 {
		r.step(physics(r.plan, capacity, 300))
	}
	before := r.plan
	r.pool.SetOrders(Orders{Frozen: &alice})
	counts := steady(4, 200, 0)
	counts["s0"] = seen{4, 200, 200, 0}
	for range 20 {
		r.step(counts)
	}
	if r.plan.Mode != Frozen {
		t.Errorf("mode %v", r.plan.Mode)
	}
	for i, d := range r.plan.Decisions {
		if d.Weight != before.Decisions[i].Weight || d.State != StateReady || d.Why != "frozen by alice: canary" {
			t.Errorf("decision %+v, was %+v", d, before.Decisions[i])
		}
	}
	// A backend that goes and comes back has what it had.
	down := equalBackends(4)
	down[1].Condition = Down
	r.pool.SetBackends(down)
	r.step(counts)
	if d := r.decision("s1"); d.State != StateDown {
		t.Errorf("decision %+v", d)
	}
	r.pool.SetBackends(append(equalBackends(4), Backend{Name: "s4"}))
	r.step(counts)
	if d := r.decision("s1"); d.Weight != before.Decisions[1].Weight {
		t.Errorf("weight %v, want the one before: %v", d.Weight, before.Decisions[1].Weight)
	}
	if d := r.decision("s4"); d.Weight != 1 {
		t.Errorf("one that joins has %v, want its configured share", d.Weight)
	}
}

func TestFrozenFromTheFirstStep(t *testing.T) {
	r := newRig(t, Config{Kind: KindRequests}, equalBackends(2)...)
	r.pool.SetOrders(Orders{Frozen: &alice})
	r.pool.Applied("t", InForce{Origin: "haproxy:a", Shares: []Share{{Backend: "s0", Weight: 90}, {Backend: "s1", Weight: 30}}})
	for range 5 {
		r.step(steady(2, 200, 0))
		if got := r.decision("s0").Weight / r.decision("s1").Weight; math.Abs(got-3) > 1e-9 {
			t.Fatalf("weights 1 to %v, found 1 to 3", got)
		}
	}
}

func TestDryRunByOrder(t *testing.T) {
	for _, test := range []struct {
		configured bool
		order      *Switch
		want       Mode
	}{
		{false, nil, Active},
		{true, nil, DryRun},
		{false, &Switch{alice, true}, DryRun},
		{true, &Switch{alice, false}, Active},
	} {
		r := newRig(t, Config{DryRun: test.configured}, equalBackends(2)...)
		r.pool.SetOrders(Orders{DryRun: test.order})
		if got := r.step(steady(2, 200, 0)).Mode; got != test.want {
			t.Errorf("%+v: mode %v", test, got)
		}
	}
}

// Until it is known what a pool serves, weights stay as they were found.
func TestWhatWasFoundStaysUntilMoreIsKnown(t *testing.T) {
	r := newRig(t, Config{}, equalBackends(2)...)
	r.pool.Applied("t", InForce{Origin: "haproxy:a", Algorithm: LeastConnections, Shares: []Share{{Backend: "s0", Weight: 180}, {Backend: "s1", Weight: 60}}})
	patience := int(DefaultConstants().Patience)
	for i := range 2 * patience {
		r.step(nil)
		ratio := r.decision("s0").Weight / r.decision("s1").Weight
		if i < patience && math.Abs(ratio-3) > 1e-9 {
			t.Fatalf("step %d: ratio %v, want 3 as found", i, ratio)
		}
	}
	if ratio := r.decision("s0").Weight / r.decision("s1").Weight; math.Abs(ratio-1) > 1e-9 {
		t.Errorf("ratio %v after %d steps without anything, want the configured 1", ratio, 2*patience)
	}
}

// A pool that starts again goes on from what it knew.
func TestMemoryIsRecalled(t *testing.T) {
	capacity := map[string]float64{"s0": 400, "s1": 400, "s2": 200, "s3": 100}
	r := newRig(t, Config{}, equalBackends(4)...)
	counts := func(plan Plan) map[string]seen {
		counts := physics(plan, capacity, 300)
		c := counts["s3"]
		c.failed = c.completed
		counts["s3"] = c
		return counts
	}
	for range 100 {
		r.step(counts(r.plan))
	}
	if d := r.decision("s3"); d.State != StateEjected {
		t.Fatalf("decision %+v, the test needs an ejected backend", d)
	}
	text, err := json.Marshal(r.pool.Memory())
	if err != nil {
		t.Fatal(err)
	}
	var memory Memory
	if err := json.Unmarshal(text, &memory); err != nil {
		t.Fatal(err)
	}
	var inForce []Share
	for _, d := range r.plan.Decisions {
		inForce = append(inForce, Share{Backend: d.Backend, Weight: d.Weight})
	}
	inForce[3].Weight = 0.3 // in the middle of a pulse
	for name, recall := range map[string]func(*rig){
		"before the members are known": func(next *rig) {
			next.pool.SetBackends(nil)
			next.pool.Recall(memory, r.now)
			next.pool.SetBackends(equalBackends(4))
		},
		"after": func(next *rig) { next.pool.Recall(memory, r.now) },
	} {
		t.Run(name, func(t *testing.T) {
			next := newRig(t, Config{}, equalBackends(4)...)
			next.now = r.now
			recall(next)
			next.pool.Applied("t", InForce{Origin: "haproxy:a", Algorithm: LeastConnections, Pulses: true, Shares: inForce})
			plan := r.plan
			for range 5 {
				plan = next.step(counts(plan))
				for i, d := range plan.Decisions {
					was := r.plan.Decisions[i]
					if math.Abs(math.Log(d.Weight/was.Weight)) > 0.15 && was.Weight > 0 {
						t.Errorf("%s: weight %v, before the restart %v", d.Backend, d.Weight, was.Weight)
					}
				}
				if d := next.decision("s3"); d.State != StateEjected || !strings.Contains(d.Why, "100 %") {
					t.Fatalf("decision %+v, want it still ejected", d)
				}
			}
		})
	}
	// Nothing in force can be read: the memory says where to start from.
	next := newRig(t, Config{}, equalBackends(4)...)
	next.now = r.now
	next.pool.Recall(memory, r.now)
	if got, want := next.step(nil).Decisions[0].Weight, r.plan.Decisions[0].Weight; math.Abs(got-want) > 0.01 {
		t.Errorf("starts with %v, want %v", got, want)
	}
}

func TestMemoryThatMakesNoSense(t *testing.T) {
	next := newRig(t, Config{}, equalBackends(2)...)
	next.pool.Recall(Memory{Backends: map[string]Remembered{
		"s0": {Weight: math.Inf(1), Log: 1, Deviation: 0.1},
		"s1": {Weight: 1, Log: math.NaN(), Deviation: -1, Ejected: &RememberedEjection{DelaySeconds: math.NaN()}},
	}}, start)
	for range 3 {
		for _, d := range next.step(steady(2, 200, 0)).Decisions {
			if d.Weight != 1 || d.State != StateReady {
				t.Errorf("decision %+v", d)
			}
		}
	}
}

func TestOrdersAreCopied(t *testing.T) {
	o := Orders{Frozen: &alice, DryRun: &Switch{alice, true}, Pins: map[string]Pin{"a": {alice, 1}}, Drains: map[string]Drain{"b": {Order: alice}}}
	c := o.Clone()
	if diff := cmp.Diff(o, c); diff != "" {
		t.Error(diff)
	}
	c.Pins["x"], c.Frozen.Who, c.DryRun.On = Pin{}, "bob", false
	delete(c.Drains, "b")
	if len(o.Pins) != 1 || len(o.Drains) != 1 || o.Frozen.Who != "alice" || !o.DryRun.On {
		t.Error("a copy shares with its original")
	}
}

// Who is down comes back with what an order or an ejection leaves it.
func TestOrdersHoldWhileABackendIsDown(t *testing.T) {
	r := newRig(t, Config{}, equalBackends(5)...)
	counts := steady(5, 200, 0)
	counts["s2"] = seen{4, 200, 200, 0}
	for range 5 {
		r.step(counts)
	}
	r.pool.SetOrders(Orders{Drains: map[string]Drain{"s0": {Order: alice}}, Pins: map[string]Pin{"s1": {alice, 0.2}}})
	down := equalBackends(5)
	for i := range 4 {
		down[i].Condition = Down
	}
	r.pool.SetBackends(down)
	r.step(counts)
	for name, want := range map[string]struct {
		state  State
		weight float64
	}{
		"s0": {StateDraining, 0}, "s1": {StateDown, 0.2}, "s2": {StateDown, 0}, "s3": {StateDown, DefaultConstants().SlowStartFirst},
	} {
		if d := r.decision(name); d.State != want.state || d.Weight != want.weight {
			t.Errorf("%s: %v with %v, want %v with %v", name, d.State, d.Weight, want.state, want.weight)
		}
	}
	if why := r.decision("s0").Why; why != "drained by alice: canary" {
		t.Errorf("why %q", why)
	}
}

func TestPinnedWhileFrozen(t *testing.T) {
	r := newRig(t, Config{}, equalBackends(3)...)
	r.step(steady(3, 200, 0))
	r.pool.SetOrders(Orders{Frozen: &alice, Pins: map[string]Pin{"s1": {alice, 0.2}}})
	r.step(steady(3, 200, 0))
	if d := r.decision("s1"); d.Weight != 0.2 {
		t.Errorf("decision %+v", d)
	}
}

// What a dry run has planned is not in force: the first step after it starts from
// what is.
func TestDryRunEndsWithoutAJump(t *testing.T) {
	backends := equalBackends(2)
	backends[0].Capacity = 4
	r := newRig(t, Config{DryRun: true, Law: LawStatic}, backends...)
	equal := InForce{Origin: "haproxy:a", Algorithm: LeastConnections, Shares: []Share{{Backend: "s0", Weight: 1}, {Backend: "s1", Weight: 1}}}
	for range 30 {
		r.step(steady(2, 200, 0))
		r.pool.Applied("t", equal)
	}
	if got := r.decision("s0").Weight / r.decision("s1").Weight; math.Abs(got-4) > 1e-6 {
		t.Fatalf("planned %v, the test needs 4", got)
	}
	r.pool.SetOrders(Orders{DryRun: &Switch{alice, false}})
	r.step(steady(2, 200, 0))
	if got := r.decision("s0").Weight; got > 1.5+1e-9 {
		t.Errorf("weight %v at the first step that counts, 1 was in force", got)
	}
}

func TestTheLastOnesAreTakenBack(t *testing.T) {
	r := newRig(t, Config{}, equalBackends(3)...)
	counts := steady(3, 200, 0)
	counts["s0"] = seen{4, 200, 200, 0}
	for range 5 {
		r.step(counts)
	}
	down := equalBackends(3)
	down[1].Condition, down[2].Condition = Down, Down
	r.pool.SetBackends(down)
	r.step(counts)
	if d := r.decision("s0"); d.Weight == 0 {
		t.Errorf("decision %+v: nobody else is left", d)
	}
}

func TestOldEjectionsAreForgiven(t *testing.T) {
	out := &RememberedEjection{DelaySeconds: 60, Failed: 1}
	for name, memory := range map[string]Memory{
		"old":      {At: start.Add(-time.Hour), Backends: map[string]Remembered{"s0": {Weight: 1, Ejected: out}, "s1": {Weight: 1}, "s2": {Weight: 1}}},
		"too many": {At: start, Backends: map[string]Remembered{"s0": {Weight: 1, Ejected: out}, "s1": {Weight: 1, Ejected: out}, "s2": {Weight: 1}}},
	} {
		r := newRig(t, Config{}, equalBackends(3)...)
		r.pool.Recall(memory, start)
		r.step(steady(3, 200, 0))
		for _, d := range r.plan.Decisions {
			if d.State == StateEjected {
				t.Errorf("%s: %+v", name, d)
			}
		}
	}
}
