package scorer

import (
	"math"
	"strings"
	"testing"
	"time"
)

// failing is physics with s0 failing a share of its work.
func failing(plan Plan, capacity map[string]float64, rate, share float64) map[string]seen {
	counts := physics(plan, capacity, rate)
	one := counts["s0"]
	one.failed = one.completed * share
	counts["s0"] = one
	return counts
}

func TestNobodyIsEjectedWhomTheOthersDrownWithout(t *testing.T) {
	capacity := map[string]float64{"s0": 200, "s1": 200, "s2": 200}
	for _, test := range []struct {
		name string
		rate float64 // requests a second, 600 are the pool's capacity
		// fails is the share of s0's work, reports that all tell how full they are.
		fails   float64
		reports bool
		// out is that s0 is ejected at first, and stays that it is so at the end.
		out, stays bool
	}{
		{"room, by reports", 300, 0.35, true, true, true},
		{"room, by counts", 300, 0.35, false, true, true},
		{"none, by reports", 480, 0.35, true, false, false},
		{"none, found out by counts", 480, 0.35, false, true, false},
		{"none, but it fails most of its work", 480, 0.9, true, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, Config{Kind: KindRequests}, equalBackends(3)...)
			second := func(fails float64) {
				counts := failing(r.plan, capacity, test.rate, fails)
				var own []Report
				for name, c := range counts {
					report := NewReport(name, "orca", r.now)
					report.Utilization = min(c.completed/capacity[name], 1)
					own = append(own, report)
				}
				if !test.reports {
					own = nil
				}
				r.step(counts, own...)
			}
			for range 60 {
				second(0)
			}
			out := false
			for range 60 {
				second(test.fails)
				out = out || r.decision("s0").State == StateEjected
			}
			if out != test.out {
				t.Errorf("ejected: %v, want %v", out, test.out)
			}
			if d := r.decision("s0"); (d.State == StateEjected) != test.stays {
				t.Errorf("at the end %v: %s, want ejected: %v", d.State, d.Why, test.stays)
			}
			if test.out && !test.stays {
				if why := r.decision("s0").Why; !strings.Contains(why, "without it the others were overloaded") {
					t.Errorf("why = %q", why)
				}
				for range 60 {
					second(0)
				}
				if m := r.pool.byName["s0"]; m.needed || strings.Contains(m.why, "overloaded") {
					t.Errorf("needed though it is well: %q", m.why)
				}
			}
		})
	}
}

// The goal of a backend with a dear connection is small, and its capacity is not: what
// it does is all the more for the others.
func TestWhatOthersWouldHaveToDoForADearConnection(t *testing.T) {
	r := newRig(t, Config{Kind: KindConnections}, equalBackends(3)...)
	counts, own := sharing(0.9, 0.55, 0.55)
	for range 60 {
		r.step(counts, own...)
	}
	if w := r.decision("s0").Weight; w > 0.6 {
		t.Fatalf("weight %v with a dear connection", w)
	}
	if got := r.pool.fullWithout(r.pool.byName["s0"]); math.Abs(got-1) > 0.01 {
		t.Errorf("the others would be %.2f full, want 1", got)
	}
}

// Whoever fails most of its work is of no help, but may be well again.
func TestWhoIsMissedIsProbedAtOnce(t *testing.T) {
	capacity := map[string]float64{"s0": 200, "s1": 200, "s2": 200}
	r := newRig(t, Config{Kind: KindRequests}, equalBackends(3)...)
	for range 60 {
		r.step(physics(r.plan, capacity, 480))
	}
	for range 40 {
		r.step(failing(r.plan, capacity, 480, 1))
	}
	m := r.pool.byName["s0"]
	if m.ejection == nil {
		t.Fatalf("not ejected: %s", m.why)
	}
	if wait := m.ejection.next.Sub(r.now); wait > time.Second {
		t.Errorf("the next probe is due in %v though the others drown", wait)
	}
}
