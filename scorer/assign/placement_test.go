package assign

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/trimtab-lb/trimtab/scorer"
)

var start = time.Unix(1_000_000, 0)

// told is a decision by a report that was made at the plan's time.
func told(name string, change func(*scorer.Decision)) scorer.Decision {
	d := scorer.Decision{
		Backend: name, Weight: 1, State: scorer.StateReady, Score: 1,
		InFlight: 100, Utilization: 0.4, RPS: math.NaN(), Latency: math.NaN(),
	}
	if change != nil {
		change(&d)
	}
	return d
}

func planOf(decisions ...scorer.Decision) scorer.Plan {
	return scorer.Plan{Pool: "ws", Seq: 1, At: start, Decisions: decisions}
}

// placed is a placement under a plan, of backends with the addresses 10.0.0.1:80 and
// so on.
func placed(t testing.TB, c Config, p scorer.Plan) *Placement {
	t.Helper()
	c.Source = rand.NewPCG(1, 2)
	out := New(c)
	out.SetBackends(backendsOf(p))
	apply(t, out, p)
	return out
}

func backendsOf(p scorer.Plan) []scorer.Backend {
	var backends []scorer.Backend
	for i, d := range p.Decisions {
		backends = append(backends, scorer.Backend{Name: d.Backend, Address: fmt.Sprintf("10.0.%d.%d:80", i/250, i%250+1), Capacity: 1})
	}
	return backends
}

func apply(t testing.TB, p *Placement, plan scorer.Plan) scorer.InForce {
	t.Helper()
	in, err := p.Apply(context.Background(), plan)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// count assigns n clients and counts them by backend.
func count(t testing.TB, p *Placement, n int, r Request) map[string]int {
	t.Helper()
	out := map[string]int{}
	for i := range n {
		b, err := p.Assign(start.Add(time.Duration(i)*time.Millisecond), r)
		if err != nil {
			t.Fatal(err)
		}
		out[b.Name]++
	}
	return out
}

func TestStates(t *testing.T) {
	state := func(s scorer.State) func(*scorer.Decision) { return func(d *scorer.Decision) { d.State = s } }
	for _, c := range []struct {
		name string
		plan scorer.Plan
		want error
		open []string
	}{
		{"no plan", scorer.Plan{}, ErrNoPlan, nil},
		{"ready and unknown", planOf(told("a", nil), told("b", state(scorer.StateUnknown))), nil, []string{"a", "b"}},
		{"draining", planOf(told("a", nil), told("b", func(d *scorer.Decision) { d.State, d.Weight = scorer.StateDraining, 0 })), nil, []string{"a"}},
		{"down keeps a weight to return with", planOf(told("a", nil), told("b", state(scorer.StateDown))), nil, []string{"a"}},
		{"ejected, in a pulse", planOf(told("a", nil), told("b", func(d *scorer.Decision) {
			d.State, d.Pulse = scorer.StateEjected, time.Second
		})), nil, []string{"a"}},
		{"nobody", planOf(told("a", state(scorer.StateDown))), ErrNoBackend, nil},
		{"all full", planOf(told("a", func(d *scorer.Decision) { d.Utilization = 0.96 })), ErrFull, nil},
		{"one full", planOf(told("a", func(d *scorer.Decision) { d.Utilization = 0.96 }), told("b", nil)), nil, []string{"b"}},
		{"a full one that reports a low score", planOf(
			told("a", func(d *scorer.Decision) { d.Utilization, d.Score, d.InFlight = 2, 0, 0 }), told("b", nil)), nil, []string{"b"}},
		{
			"nothing is known", planOf(
				told("a", func(d *scorer.Decision) { d.Utilization, d.Score, d.InFlight = math.NaN(), math.NaN(), math.NaN() }),
				told("b", func(d *scorer.Decision) { d.Utilization, d.Score, d.InFlight = math.NaN(), math.NaN(), math.NaN() })),
			nil,
			[]string{"a", "b"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, key := range []string{"", "room-7"} {
				p := placed(t, Config{}, c.plan)
				_, err := p.Assign(start, Request{Key: []byte(key)})
				if !errors.Is(err, c.want) {
					t.Fatalf("with key %q: error %v, want %v", key, err, c.want)
				}
			}
			if c.want != nil {
				return
			}
			p := placed(t, Config{}, c.plan)
			open := map[string]bool{}
			for name := range count(t, p, 200, Request{}) {
				open[name] = true
			}
			want := map[string]bool{}
			for _, name := range c.open {
				want[name] = true
			}
			if diff := cmp.Diff(want, open); diff != "" {
				t.Errorf("backends that got clients (-want +got):\n%s", diff)
			}
		})
	}
}

// Where somebody has to be named, it is the one with most room.
func TestAlways(t *testing.T) {
	p := placed(t, Config{}, planOf(
		told("a", func(d *scorer.Decision) { d.Utilization = 1.5 }), told("b", func(d *scorer.Decision) { d.Utilization = 1 })))
	b, err := p.Assign(start, Request{Always: true})
	if err != nil || b.Name != "b" {
		t.Errorf("got %v, %v; want b", b, err)
	}
}

// What was just assigned fills a backend up.
func TestFillsUp(t *testing.T) {
	p := placed(t, Config{Full: 0.9}, planOf(
		told("a", func(d *scorer.Decision) { d.Utilization = 0.8 }), told("b", func(d *scorer.Decision) { d.Utilization = 0.8 })))
	var err error
	n := 0
	for ; err == nil && n < 1000; n++ {
		_, err = p.Assign(start, Request{})
	}
	// 100 clients each are 80 %, so that some 12 more each are 90 %.
	if !errors.Is(err, ErrFull) || n < 20 || n > 30 {
		t.Errorf("%d clients placed until %v, want about 25", n, err)
	}
}

func TestSharesOfTheUnequal(t *testing.T) {
	// Everything a fair share: clients are drawn by weight.
	plan := planOf(told("a", func(d *scorer.Decision) { d.Weight, d.InFlight = 1.5, 1500 }), told("b", func(d *scorer.Decision) { d.Weight, d.InFlight = 0.5, 500 }))
	p := New(Config{Source: rand.NewPCG(1, 2)})
	p.SetBackends([]scorer.Backend{{Name: "a", Address: "10.0.0.1:80", Capacity: 3}, {Name: "b", Address: "10.0.0.2:80", Capacity: 1}})
	in := apply(t, p, plan)
	got := count(t, p, 4000, Request{})
	if share := float64(got["a"]) / 4000; share < 0.74 || share > 0.76 {
		t.Errorf("a got %.3f of the clients, want 0.75", share)
	}
	want := scorer.InForce{Algorithm: scorer.Random, Shares: []scorer.Share{
		{Backend: "a", Weight: 1.5, Applied: 750}, {Backend: "b", Weight: 0.5, Applied: 250},
	}}
	if diff := cmp.Diff(want, in); diff != "" {
		t.Errorf("in force (-want +got):\n%s", diff)
	}
}

// One that says that it is idle gets some multiple of its share, and no more than
// evens it out.
func TestIdleBackendDoesNotGetEverybody(t *testing.T) {
	var all []scorer.Decision
	for i := range 10 {
		all = append(all, told(fmt.Sprint("b", i), nil))
	}
	all[0].Utilization, all[0].Score, all[0].InFlight = 0, 0, 0
	p := placed(t, Config{}, planOf(all...))
	got := count(t, p, 200, Request{})
	if got["b0"] < 40 || got["b0"] > 70 {
		t.Errorf("the idle one of ten got %d of 200 clients, want about %d times its share of 20", got["b0"], draws)
	}
}

// Fronts that know of each other count each client for all of them.
func TestFronts(t *testing.T) {
	plan := planOf(told("a", nil), told("b", func(d *scorer.Decision) { d.Utilization = 0.35 }))
	few, many := placed(t, Config{}, plan), placed(t, Config{Fronts: 10}, plan)
	alone, together := count(t, few, 100, Request{})["b"], count(t, many, 100, Request{})["b"]
	if alone <= together || together < 45 {
		t.Errorf("the less busy one got %d of 100 from one front and %d from one of ten; want more from one", alone, together)
	}
}

func TestAssignedIsKeptUntilReported(t *testing.T) {
	plan := planOf(told("a", nil), told("b", nil))
	p := placed(t, Config{}, plan)
	for range 50 {
		if _, err := p.Assign(start.Add(time.Second), Request{}); err != nil {
			t.Fatal(err)
		}
	}
	pending := func(at, age time.Duration) float64 {
		next := plan
		next.At = start.Add(at)
		next.Decisions = []scorer.Decision{told("a", nil), told("b", nil)}
		for i := range next.Decisions {
			next.Decisions[i].ReportAge = age
		}
		apply(t, p, next)
		return p.hosts["a"].pending + p.hosts["b"].pending
	}
	for _, c := range []struct {
		name    string
		at, age time.Duration
		want    float64
	}{
		{"the same report", 2 * time.Second, 2 * time.Second, 50},
		{"a report from before", 3 * time.Second, 2500 * time.Millisecond, 50},
		{"a report from after", 3 * time.Second, time.Second, 0},
		{"no report", 3 * time.Second, -1, 50},
		{"never again", 40 * time.Second, -1, 0},
	} {
		if got := pending(c.at, c.age); got != c.want {
			t.Errorf("%s: %v clients are counted, want %v", c.name, got, c.want)
		}
	}
}

// A clock that is set back by an hour does not keep what was assigned before for as
// long.
func TestClockIsSetBack(t *testing.T) {
	plan := planOf(told("a", func(d *scorer.Decision) { d.Utilization = 0.6 }))
	p := placed(t, Config{}, plan)
	later := start.Add(time.Hour)
	for range 20 {
		if _, err := p.Assign(later, Request{}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 60 {
		now := start.Add(time.Duration(i) * time.Second)
		plan.At = now
		apply(t, p, plan)
		if _, err := p.Assign(now, Request{}); err != nil {
			t.Fatalf("%d s after the clock was set back: %v", i, err)
		}
	}
	if got := p.hosts["a"].pending; got > 5 {
		t.Errorf("%v clients are counted beside a report of this moment", got)
	}
}

// Those who follow an answer for 4 s are counted in part.
func TestFollow(t *testing.T) {
	var r recent
	for range 100 {
		r.add(start)
	}
	for _, c := range []struct {
		after time.Duration
		want  float64
	}{{0, 100}, {time.Second, 81.25}, {2250 * time.Millisecond, 50}, {4250 * time.Millisecond, 0}} {
		got := r.since(start.Add(c.after), start.Add(5*time.Second), 4*time.Second)
		if diff := cmp.Diff(c.want, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
			t.Errorf("after %v (-want +got):\n%s", c.after, diff)
		}
	}
}

func TestDryRun(t *testing.T) {
	plan := planOf(
		told("a", func(d *scorer.Decision) { d.Weight = 5 }),
		told("b", func(d *scorer.Decision) { d.State, d.Weight = scorer.StateEjected, 0 }),
		told("c", func(d *scorer.Decision) { d.State, d.Weight = scorer.StateDraining, 0 }))
	plan.Mode = scorer.DryRun
	p := placed(t, Config{}, plan)
	got := count(t, p, 1000, Request{})
	if got["a"] < 450 || got["b"] < 450 || got["c"] > 0 {
		t.Errorf("got %v; want halves, as configured, and none for the one that drains", got)
	}
}

func TestNoAddress(t *testing.T) {
	plan := planOf(told("a", nil), told("b", nil), told("c", nil))
	p := New(Config{Source: rand.NewPCG(1, 2)})
	p.SetBackends([]scorer.Backend{{Name: "a", Address: "ws1.example:80"}, {Name: "b"}, {Name: "c", Address: "[2001:db8::1]:80"}})
	in := apply(t, p, plan)
	if in.Shares[1].Note == "" || in.Shares[1].Weight != 0 {
		t.Errorf("a backend without an address: %+v, want a note and no share", in.Shares[1])
	}
	if got := count(t, p, 100, Request{Family: IPv6}); got["c"] != 100 {
		t.Errorf("by IPv6: %v, want c only", got)
	}
	if _, err := p.Assign(start, Request{Family: IPv4}); !errors.Is(err, ErrNoAddress) {
		t.Errorf("by IPv4: error %v, want %v", err, ErrNoAddress)
	}
	if got := count(t, p, 100, Request{}); got["a"] == 0 || got["c"] == 0 || got["b"] > 0 {
		t.Errorf("by any: %v, want a and c", got)
	}
}

func TestBackendsLeave(t *testing.T) {
	p := placed(t, Config{}, planOf(told("a", nil), told("b", nil)))
	count(t, p, 10, Request{})
	apply(t, p, planOf(told("b", nil)))
	if got := p.Stats().Assigned; len(got) != 1 || len(p.hosts) != 1 {
		t.Errorf("counted for %v, remembered %d; want b only", got, len(p.hosts))
	}
}

// Whatever plans say, a client is sent to one that takes clients, or nowhere.
func TestAnyPlan(t *testing.T) {
	number := rapid.OneOf(rapid.Float64Range(0, 1e6), rapid.Just(math.NaN()))
	rapid.Check(t, func(rt *rapid.T) {
		p := New(Config{Source: rand.NewPCG(1, 2), Fronts: rapid.IntRange(0, 8).Draw(rt, "fronts")})
		for range rapid.IntRange(1, 5).Draw(rt, "plans") {
			plan := planOf()
			plan.At = start.Add(time.Duration(rapid.Int64Range(-1e9, 1e11).Draw(rt, "at")))
			for i := range rapid.IntRange(1, 6).Draw(rt, "backends") {
				plan.Decisions = append(plan.Decisions, scorer.Decision{
					Backend: fmt.Sprint("b", i), State: scorer.State(rapid.IntRange(0, 4).Draw(rt, "state")),
					Weight: rapid.Float64Range(0, 20).Draw(rt, "weight"), Score: number.Draw(rt, "score"),
					InFlight: number.Draw(rt, "in flight"), Utilization: number.Draw(rt, "utilization"),
					ReportAge: time.Duration(rapid.Int64Range(-1, 1e10).Draw(rt, "age")),
				})
			}
			p.SetBackends(backendsOf(plan))
			apply(t, p, plan)
			states := map[string]scorer.State{}
			for _, d := range plan.Decisions {
				states[d.Backend] = d.State
			}
			for i := range 20 {
				r := Request{Always: i%2 == 0}
				if i%3 == 0 {
					r.Key = []byte{byte(i)}
				}
				b, err := p.Assign(plan.At, r)
				if s := states[b.Name]; err == nil && s != scorer.StateReady && s != scorer.StateUnknown {
					rt.Fatalf("sent to %s, which is %s", b.Name, s)
				}
			}
		}
	})
}

func TestSpread(t *testing.T) {
	p := placed(t, Config{}, planOf(
		told("a", func(d *scorer.Decision) { d.Weight = 2 }),
		told("b", func(d *scorer.Decision) { d.Utilization = math.NaN() }),
		told("c", func(d *scorer.Decision) { d.Utilization = 3 }),
		told("d", func(d *scorer.Decision) { d.State = scorer.StateDown })))
	got, err := p.Spread()
	if err != nil {
		t.Fatal(err)
	}
	weights := map[string]float64{}
	for _, b := range got {
		weights[b.Name] = b.Weight
	}
	if diff := cmp.Diff(map[string]float64{"a": 0.72, "b": 1, "c": 0.01}, weights, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("weights (-want +got):\n%s", diff)
	}
}

func BenchmarkAssign(b *testing.B) {
	for _, c := range []struct {
		name string
		n    int
		keys int
	}{{"10", 10, 0}, {"1000", 1000, 0}, {"keyed-10", 10, 1 << 16}, {"keyed-1000", 1000, 1 << 16}, {"one-key-1000", 1000, 1}} {
		b.Run(c.name, func(b *testing.B) {
			var all []scorer.Decision
			for i := range c.n {
				all = append(all, told(fmt.Sprintf("b%04d", i), nil))
			}
			p := placed(b, Config{Full: -1}, planOf(all...))
			now := start
			var key []byte
			for i := 0; b.Loop(); i++ {
				now = now.Add(time.Microsecond)
				if c.keys > 0 {
					key = binary.LittleEndian.AppendUint64(key[:0], uint64(i%c.keys))
				}
				if _, err := p.Assign(now, Request{Key: key}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
