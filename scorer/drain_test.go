package scorer

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDrainIsEven(t *testing.T) {
	s := newSockets(t, Config{}, 1000, 1000, 1000)
	for range 5 {
		s.second()
	}
	s.pool.SetOrders(Orders{Drains: map[string]Drain{"s0": {Order: Order{Who: "alice", At: s.now}, Over: 30 * time.Second}}})
	from, began := len(s.closed["s0"]), s.now
	for range 31 {
		s.second()
	}
	if d := s.decision("s0").Drain; s.held["s0"] != 0 || d.Done {
		t.Errorf("%v left after 31 s: %+v, want none, and to see that it stays so", s.held["s0"], d)
	}
	for range 3 {
		s.second()
	}
	d := s.decision("s0")
	if s.held["s0"] != 0 || !d.Drain.Done || d.Drain.First != 1000 || !d.Drain.Until.Equal(began.Add(30*time.Second)) || d.State != StateDraining {
		t.Errorf("%v left after 34 s: %+v", s.held["s0"], d.Drain)
	}
	most := 0
	for _, n := range s.closed["s0"][from:] {
		most = max(most, n)
	}
	t.Logf("largest burst %.2f of the even rate", float64(most)/(1000.0/30))
	if float64(most) > 2*1000.0/30 {
		t.Errorf("%d at once, the even rate is %.1f", most, 1000.0/30)
	}
	if total := s.held["s1"] + s.held["s2"] + s.back[0] + s.back[1] + s.back[2]; total != 3000 {
		t.Errorf("%v elsewhere, want all", total)
	}
	s.pool.SetOrders(Orders{})
	if plan := s.second(); plan.Decisions[0].Drain != nil || plan.Decisions[0].Weight > 0.5 || plan.Decisions[0].Weight == 0 {
		t.Errorf("undrained: %+v, want slow start", plan.Decisions[0])
	}
}

// A restart in the middle goes on where it was.
func TestDrainSurvivesARestart(t *testing.T) {
	s := newSockets(t, Config{}, 900, 1000, 1000)
	s.second()
	orders := Orders{Drains: map[string]Drain{"s0": {Order: Order{Who: "alice", At: s.now}, Over: 30 * time.Second}}}
	s.pool.SetOrders(orders)
	for range 10 {
		s.second()
	}
	memory := s.pool.Memory()
	s.now = s.now.Add(15 * time.Second)
	next := newRig(t, Config{Kind: KindConnections})
	next.now = s.now
	next.pool.Recall(memory, s.now)
	next.pool.SetBackends(equalBackends(3))
	next.pool.SetOrders(orders)
	s.rig = next
	from := len(s.closed["s0"])
	for range 16 {
		s.second()
	}
	if d := s.decision("s0"); d.Drain.First != 900 || s.held["s0"] != 0 {
		t.Errorf("%v left: %+v", s.held["s0"], d.Drain)
	}
	for _, n := range s.closed["s0"][from:] {
		if n > 2*900/30 {
			t.Errorf("%d at once to catch up, twice the even rate is %d", n, 2*900/30)
		}
	}
}

func TestDrainWaitsForRoom(t *testing.T) {
	for _, forced := range []bool{false, true} {
		r := newRig(t, Config{Kind: KindConnections}, equalBackends(2)...)
		counts, own := sharing(0.8, 0.8)
		r.step(counts, own...)
		r.pool.SetOrders(Orders{Drains: map[string]Drain{"s0": {Order: Order{At: r.now}, Over: 10 * time.Second, Forced: forced}}})
		r.step(counts, own...)
		d := r.decision("s0")
		if held := strings.Contains(d.Drain.Held, "no room"); held == forced || (d.Shed.Count > 0) != forced {
			t.Errorf("forced %v: %+v, %+v", forced, d.Drain, d.Shed)
		}
	}
}

func TestDrainWaitsForWhatMayBeHad(t *testing.T) {
	r := newRig(t, Config{Kind: KindConnections}, equalBackends(3)...)
	counts := map[string]seen{"s0": {inFlight: 100}, "s1": {inFlight: 100}, "s2": {inFlight: 100}}
	r.limits = map[string]float64{"s1": 120, "s2": 120}
	r.step(counts)
	if err := r.pool.CanDrain("s0"); !errors.Is(err, ErrNoRoom) || !strings.Contains(err.Error(), "may have 240 connections, and there are 300") {
		t.Errorf("%v, want no room", err)
	}
	delete(r.limits, "s2")
	r.step(counts)
	if err := r.pool.CanDrain("s0"); err != nil {
		t.Errorf("%v, though one has no limit", err)
	}
}

func TestDrainInTheirOwnTime(t *testing.T) {
	r := newRig(t, Config{Kind: KindConnections}, equalBackends(2)...)
	r.pool.SetOrders(Orders{Drains: map[string]Drain{"s0": {Order: Order{At: r.now}}}})
	r.step(map[string]seen{"s0": {inFlight: 7}, "s1": {inFlight: 100}})
	if d := r.decision("s0"); d.Shed.Count != 0 || d.Drain.Left != 7 || d.Drain.Done || !d.Drain.Until.IsZero() {
		t.Errorf("%+v, %+v", d.Shed, d.Drain)
	}
	for range 4 {
		r.step(map[string]seen{"s0": {}, "s1": {inFlight: 100}})
	}
	if !r.decision("s0").Drain.Done {
		t.Error("empty and not done")
	}
}

// Views that show nothing now and then, or that are no newer than before, are no word
// that nothing is left: who is drained is stopped.
func TestDrainIsDoneWhenItStaysEmpty(t *testing.T) {
	r := newRig(t, Config{Kind: KindConnections}, equalBackends(2)...)
	r.pool.SetOrders(Orders{Drains: map[string]Drain{"s0": {Order: Order{At: r.now}}}})
	look := func(counts map[string]seen) bool {
		counts["s1"] = seen{inFlight: 100}
		r.step(counts)
		return r.decision("s0").Drain.Done
	}
	for _, held := range []float64{0, 0, 1, 0, 0, 0} {
		if look(map[string]seen{"s0": {inFlight: held}}) {
			t.Fatalf("done too early, with %v", held)
		}
	}
	for range 2 {
		if look(map[string]seen{}) {
			t.Fatal("done by a view from before")
		}
	}
	if !look(map[string]seen{"s0": {}}) {
		t.Error("not done when it has been empty for long enough")
	}
}

// The first view may show a part only: of what two proxies hold, one has told.
func TestDrainOfWhichAPartIsSeenFirst(t *testing.T) {
	s := newSockets(t, Config{}, 40, 1000, 1000)
	s.second()
	s.pool.SetOrders(Orders{Drains: map[string]Drain{"s0": {Order: Order{At: s.now}, Over: 30 * time.Second}}})
	s.dead = true
	s.second()
	s.dead, s.held["s0"] = false, 1000
	for range 32 {
		s.second()
	}
	if d := s.decision("s0").Drain; s.held["s0"] > 0 || d.First < 950 {
		t.Errorf("%v left: %+v", s.held["s0"], d)
	}
}

// A reload shows nothing at first of what the process before still has.
func TestDrainIsNotDoneWhileAProxyReloads(t *testing.T) {
	s := newSockets(t, Config{}, 100, 100, 100)
	s.second()
	s.pool.SetOrders(Orders{Drains: map[string]Drain{"s0": {Order: Order{At: s.now}}}})
	s.second()
	s.held["s0"] = 0
	s.pool.Applied("u", InForce{Origin: "haproxy:b", Process: 1})
	s.pool.Applied("u", InForce{Origin: "haproxy:b", Process: 2})
	s.second()
	if d := s.decision("s0").Drain; d.Done || !strings.Contains(d.Held, "reloads") {
		t.Errorf("%+v", d)
	}
	s.now = s.now.Add(reloadedFor)
	for range 4 {
		s.second()
	}
	if d := s.decision("s0").Drain; !d.Done || d.Held != "" {
		t.Errorf("%+v", d)
	}
}

func TestDrainOfAPoolThatIsNotKnown(t *testing.T) {
	r := newRig(t, Config{}, equalBackends(2)...)
	r.pool.SetOrders(Orders{Drains: map[string]Drain{"s0": {Order: Order{At: r.now}, Over: 10 * time.Second}}})
	r.step(map[string]seen{"s0": {inFlight: 7}, "s1": {inFlight: 7}})
	if d := r.decision("s0"); d.Shed.Count != 0 || !strings.Contains(d.Drain.Held, "not known") {
		t.Errorf("%+v, %+v", d.Shed, d.Drain)
	}
}

// Who is missing from discovery for a moment is in the middle of the same drain.
func TestDrainOfWhoIsMissingForAMoment(t *testing.T) {
	s := newSockets(t, Config{}, 900, 1000, 1000)
	s.second()
	s.pool.SetOrders(Orders{Drains: map[string]Drain{"s0": {Order: Order{At: s.now}, Over: 30 * time.Second}}})
	for range 15 {
		s.second()
	}
	s.pool.SetBackends(equalBackends(3)[1:])
	s.step(nil)
	s.pool.SetBackends(equalBackends(3))
	s.second()
	if d := s.decision("s0").Drain; d.First != 900 {
		t.Errorf("%+v, it had 900", d)
	}
}

// Who is silent is taken for as full as those that report.
func TestCanDrainWhereSomeAreSilent(t *testing.T) {
	for reporting, want := range map[int]error{4: ErrNoRoom, 3: ErrNoRoom, 2: nil, 0: nil} {
		r := newRig(t, Config{Kind: KindConnections}, equalBackends(4)...)
		counts, own := sharing(0.8, 0.8, 0.8, 0.8)
		r.step(counts, own[:reporting]...)
		if err := r.pool.CanDrain("s3"); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%d of 4 report: %v, want %v", reporting, err, want)
		}
	}
}

// Whatever leaves by itself and however long trimtab is away: nobody is forgotten, and
// no burst is more than twice the even rate.
func TestPacedDrains(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := float64(rapid.IntRange(1, 5000).Draw(t, "first"))
		over := rapid.IntRange(1, 300).Draw(t, "over")
		away := rapid.IntRange(0, over).Draw(t, "away from")
		awayFor := rapid.IntRange(0, over).Draw(t, "away for")
		leaves := rapid.Float64Range(0, 0.05).Draw(t, "leaves")
		left := first
		for second := 0; second < 4*over+10 && left > 0; second++ {
			if second >= away && second < away+awayFor {
				continue
			}
			count := paceDrain(left, first, float64(over), float64(over-second), 1)
			most := max(2*first/float64(over), 1)
			if count < 0 || float64(count) > left || float64(count) > most {
				t.Fatalf("second %d: %d of %v, at most %v", second, count, left, most)
			}
			left -= float64(count)
			left -= math.Floor(left * leaves)
			if awayFor == 0 && second == over-1 && left > 0 {
				t.Fatalf("%v left in the end", left)
			}
		}
		if left > 0 {
			t.Fatalf("%v left long after the end", left)
		}
	})
}
