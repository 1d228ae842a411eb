package scorer

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestClosingsCountForWhatWasClosed(t *testing.T) {
	var c closings
	c.ask(1, start, 1, 20)
	view := start.Add(2 * time.Second)
	if away := c.away(view, view); away < 10 {
		t.Errorf("%v of 20 are away that nobody has told of yet", away)
	}
	c.tell(Closed{Seq: 1, At: start.Add(time.Second), Count: 5})
	c.tell(Closed{Seq: 1, At: start.Add(time.Second), Count: 7})
	if n := c.unseen(view, start); n != 12 {
		t.Errorf("%v unseen of 5 and 7", n)
	}
	c.ask(2, start, 1, 20)
	c.tell(Closed{Seq: 2, At: start.Add(time.Second)})
	if n := c.unseen(view, start); n != 12 {
		t.Errorf("%v unseen, nothing came of the second plan", n)
	}
	c.ask(3, start, 1, 20)
	late := start.Add(toldWithin + 2*time.Second)
	if n := c.between(late, start, late); n != 12 {
		t.Errorf("%v closed: nobody has told of the third plan for long", n)
	}
}

// Hands that fail have not closed anybody: nobody has come back, and nothing is under
// way.
func TestHandsThatFail(t *testing.T) {
	s := newSockets(t, Config{Shed: &ShedConfig{}}, 500, 500, 500, 0)
	s.fails = true
	for range 30 {
		for _, d := range s.second().Decisions {
			if strings.Contains(d.Shed.Why, "came back") {
				t.Fatalf("%s: %q, and nobody was closed", d.Backend, d.Shed.Why)
			}
		}
		if n := s.plan.Shedding.UnderWay; n > 0 {
			t.Fatalf("%d under way: %+v", n, s.plan.Shedding)
		}
	}
	s.fails = false
	for range 60 {
		s.second()
	}
	if s.held["s3"] < 320 {
		t.Errorf("the empty one has %v a minute after they work again", s.held["s3"])
	}
}

// What was missed while trimtab stood still is not done at once.
func TestNoBurstAfterAPause(t *testing.T) {
	s := newSockets(t, Config{Shed: &ShedConfig{}}, 5000, 5000, 5000, 0)
	for range 8 {
		s.second()
	}
	s.now = s.now.Add(8 * time.Second)
	before := s.total()
	s.second()
	if n := s.total() - before; n > 150+2 {
		t.Errorf("%d at once after a pause, 150 a second are allowed", n)
	}
	d := newSockets(t, Config{}, 1000, 1000, 1000)
	for range 5 {
		d.second()
	}
	d.pool.SetOrders(Orders{Drains: map[string]Drain{"s0": {Order: Order{At: d.now}, Over: 50 * time.Second}}})
	for range 10 {
		d.second()
	}
	d.now = d.now.Add(20 * time.Second)
	before = d.total()
	d.second()
	if n := d.total() - before; n > 2*1000/50 {
		t.Errorf("%d at once after a pause, the even rate is %d", n, 1000/50)
	}
}

// A target that could not be reached has not reloaded, and balances as it did.
func TestATargetThatSaysNothing(t *testing.T) {
	s := newSockets(t, Config{Shed: &ShedConfig{}}, 500, 500, 500, 0)
	for range 9 {
		s.second()
	}
	had := InForce{Origin: "haproxy:a", Algorithm: RoundRobin, Pulses: true, Process: 7}
	s.pool.Applied("t", had)
	s.pool.reloaded = time.Time{}
	s.pool.Applied("t", InForce{})
	if why := s.pool.holdShedding(s.now); why != "" {
		t.Errorf("held: %s", why)
	}
	if diff := cmp.Diff(had, s.pool.targets[0].inForce); diff != "" {
		t.Errorf("in force (-want +got):\n%s", diff)
	}
	if s.pool.Applied("new", InForce{}); len(s.pool.targets) != 2 {
		t.Error("a target that has said nothing yet is not known")
	}
}

// What a reload leaves behind is in no count any more: nobody has left, and nobody is
// to be waited for.
func TestAReloadIsNoChurn(t *testing.T) {
	s := newSockets(t, Config{Shed: &ShedConfig{}}, 700, 700, 700, 0)
	for range 3 {
		s.dead = true
		s.second()
	}
	s.pool.Applied("u", InForce{Origin: "haproxy:b", Process: 1})
	s.pool.Applied("u", InForce{Origin: "haproxy:b", Process: 2})
	s.held, s.dead = map[string]float64{"s0": 200, "s1": 200, "s2": 200, "s3": 0}, false
	for range 20 {
		s.second()
	}
	if s.total() == 0 {
		t.Errorf("nobody was closed: %+v", s.plan.Shedding)
	}
}

// A dear connection that a drain has moved was not closed along with others.
func TestDrainsAreNoWandering(t *testing.T) {
	s := newShedder(1)
	now := start
	see := func(on int) string {
		now = now.Add(20 * time.Second)
		in := []holding{{name: "a", fair: 1}, {name: "b", fair: 1}, {name: "c", fair: 1}}
		in[on].dear = 0.5
		s.see(now, in, 1, 1, false)
		return s.dear.hold(now)
	}
	for on, name := range []string{"a", "b", "c"} {
		if why := see(on); why != "" {
			t.Fatalf("on %s: %s", name, why)
		}
		s.states[name].closings.askDrained(uint64(on), now, 1, 100)
	}
}

// Where closing moves nobody, nobody is asked, which must not be called active.
func TestNobodyIsAskedWhoComesBack(t *testing.T) {
	f := newFarm(1, []float64{1, 1, 1, 1}, []float64{1000, 500, 500, 0}, ShedConfig{}, 0)
	said := false
	for range 60 {
		out := f.step(nil)[0]
		f.held[0] += float64(f.asked[0])
		f.away = nil
		if why := f.controllers[0].verdicts[0].why; strings.Contains(why, "came back") {
			said = true
			if out.State != ShedHeld || !strings.Contains(out.Why, "s0: clients that were closed came back") {
				t.Fatalf("%+v", out)
			}
		}
	}
	if !said {
		t.Error("nobody came back")
	}
}

// One backend in the place of another is another pool, and its totals are others.
func TestAnotherMemberOfTheSameCount(t *testing.T) {
	s := newShedder(1)
	view := func(names ...string) []holding {
		var in []holding
		for _, name := range names {
			in = append(in, holding{name: name, held: 100, seen: start, share: 1 / float64(len(names)), fresh: true})
		}
		return in
	}
	s.see(start, view("a", "b", "c"), 1, 1, false)
	now := start.Add(time.Minute)
	s.see(now, view("a", "b", "c"), 1, 1, false)
	if now.Before(s.settled) {
		t.Error("the same members count as a change")
	}
	s.see(now, view("a", "b", "d"), 1, 1, false)
	if !now.Before(s.settled) || len(s.totals.points) != 1 {
		t.Errorf("settled at %v, totals %+v", s.settled, s.totals)
	}
}

// A proxy that is gone closes nothing: what it had is no part of what is to be closed.
func TestPartsLeaveOutWhoIsSilent(t *testing.T) {
	r := newRig(t, Config{Kind: KindConnections}, equalBackends(2)...)
	r.pool.Applied("u", InForce{Origin: "haproxy:b", Algorithm: LeastConnections})
	counts := map[string]seen{"s0": {inFlight: 100}, "s1": {inFlight: 100}}
	for i := range 20 {
		for name := range counts {
			other := NewReport(name, "haproxy:b", r.now)
			other.ByProxy, other.InFlight = true, 100
			if i < 3 {
				r.pool.Observe(other)
			}
		}
		r.step(counts)
	}
	r.pool.SetOrders(Orders{Drains: map[string]Drain{"s0": {Order: Order{At: r.now}, Over: 10 * time.Second}}})
	r.step(counts)
	d := r.decision("s0")
	if diff := cmp.Diff([]ShedPart{{"t", d.Shed.Count}}, d.Shed.Parts); diff != "" || d.Shed.Count == 0 {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
}

// What weights were tilted to in a dry run is not in force.
func TestTiltedWeightsOfADryRun(t *testing.T) {
	s := newSockets(t, Config{Shed: &ShedConfig{}, DryRun: true}, 500, 500, 500, 0)
	s.algorithm, s.byWeight = RoundRobin, true
	equal := InForce{Origin: "haproxy:a", Algorithm: RoundRobin}
	for i := range 4 {
		equal.Shares = append(equal.Shares, Share{Backend: equalBackends(4)[i].Name, Weight: 1})
	}
	for range 20 {
		s.second()
		s.pool.Applied("t", equal)
	}
	if w := s.decision("s3").Weight; w < 2 {
		t.Fatalf("weight %v, the test needs a tilt", w)
	}
	s.pool.SetOrders(Orders{DryRun: &Switch{alice, false}})
	if w := s.second().Decisions[3].Weight; w > 1.51 {
		t.Errorf("weight %v in the first plan that counts, 1 is in force", w)
	}
}

// One that is drained or ejected takes no part in what is even.
func TestImbalanceIsOfThoseInService(t *testing.T) {
	s := newSockets(t, Config{}, 100, 100, 100, 0)
	s.pool.SetOrders(Orders{Drains: map[string]Drain{"s3": {Order: alice}}})
	if plan := s.second(); math.Abs(plan.Imbalance-1) > 1e-9 {
		t.Errorf("imbalance %v", plan.Imbalance)
	}
}

// Who is drained takes his dear connections with him: nobody is on the way to where they
// were, and it comes back without them.
func TestDearConnectionsLeaveWithADrain(t *testing.T) {
	r := newRig(t, Config{Kind: KindConnections, Limits: Limits{SlowStart: -1, Step: 10}}, equalBackends(4)...)
	seconds := func(n int, utilization, inFlight float64) {
		counts, own := sharing(utilization, 0.5, 0.5, 0.5)
		counts["s0"] = seen{inFlight: inFlight}
		for range n {
			r.step(counts, own...)
		}
	}
	seconds(60, 0.9, 100)
	if w := r.decision("s0").Weight; w > 0.6 {
		t.Fatalf("weight %v, the test needs a dear connection", w)
	}
	r.pool.SetOrders(Orders{Drains: map[string]Drain{"s0": {Order: Order{At: r.now}}}})
	seconds(5, 0.7, 40)
	if h := r.pool.holdings[0]; h.dear != 0 || h.taken {
		t.Errorf("%+v: drained, and its connections count as dear", h)
	}
	seconds(5, 0, 0)
	r.pool.SetOrders(Orders{})
	seconds(1, 0.01, 0)
	if d := r.decision("s0"); d.Weight < 0.9 {
		t.Errorf("comes back with the weight %v: %s", d.Weight, d.Why)
	}
}
