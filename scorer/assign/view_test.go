package assign

import (
	"math"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

func TestBalance(t *testing.T) {
	for _, c := range []struct {
		name    string
		balance Balance
		a, b    func(*scorer.Decision)
		more    string // "" for halves
	}{
		{"load is even", ByLoad, func(d *scorer.Decision) { d.Score = 1.5 }, func(d *scorer.Decision) { d.Score = 0.5 }, ""},
		{"score is not", ByScore, func(d *scorer.Decision) { d.Score = 1.5 }, func(d *scorer.Decision) { d.Score = 0.5 }, "b"},
		{"load is not", ByLoad, func(d *scorer.Decision) { d.Utilization = 0.2 }, nil, "a"},
		{"a dear client", ByLoad, func(d *scorer.Decision) { d.Utilization, d.InFlight = 0.8, 50 }, nil, "b"},
		{
			"no load, but a score", ByLoad,
			func(d *scorer.Decision) { d.Utilization, d.Score = math.NaN(), 0.5 },
			func(d *scorer.Decision) { d.Utilization, d.Score = math.NaN(), 1.5 }, "a",
		},
		{
			"load without counts", ByLoad,
			func(d *scorer.Decision) { d.InFlight, d.Utilization = math.NaN(), 0.2 },
			func(d *scorer.Decision) { d.InFlight = math.NaN() }, "a",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := placed(t, Config{Balance: c.balance, Full: -1}, planOf(told("a", c.a), told("b", c.b)))
			got := count(t, p, 20, Request{})
			switch least := 15; {
			case c.more == "" && (got["a"] < 8 || got["b"] < 8):
				t.Errorf("got %v, want halves", got)
			case c.more != "" && got[c.more] < least:
				t.Errorf("got %v, want at least %d for %s", got, least, c.more)
			}
		})
	}
}

// What one report says of load beyond the clients' number is not believed at once, the
// number itself is.
func TestExcessIsAveraged(t *testing.T) {
	plan := planOf(told("a", nil), told("b", nil))
	p := placed(t, Config{}, plan)
	busy := func(after time.Duration, change func(*scorer.Decision)) float64 {
		next := planOf(told("a", change), told("b", nil))
		next.At = start.Add(after)
		apply(t, p, next)
		return p.view.busy(p.hosts["a"])
	}
	if got := busy(time.Second, func(d *scorer.Decision) { d.Utilization = 0.6 }); got < 1 || got > 1.05 {
		t.Errorf("one report of half as much load again makes it %.3f, want a little above 1", got)
	}
	if got := busy(2*time.Second, func(d *scorer.Decision) { d.InFlight, d.Utilization = 200, 0.8 }); got < 1.3 {
		t.Errorf("twice as many clients make it %.3f, want about 4/3", got)
	}
	same := busy(3*time.Second, nil)
	next := planOf(told("a", func(d *scorer.Decision) { d.Utilization, d.ReportAge = 5, time.Second }), told("b", nil))
	next.At = start.Add(4 * time.Second)
	apply(t, p, next)
	if got := p.view.busy(p.hosts["a"]); got != same {
		t.Errorf("the same report again changes %.3f to %.3f", same, got)
	}
}

// A successor goes on with the plan and with what was assigned.
func TestSucceed(t *testing.T) {
	before := placed(t, Config{}, planOf(told("a", nil), told("b", nil)))
	count(t, before, 10, Request{})
	after := New(before.config)
	after.Succeed(New(before.config))
	if _, err := after.Assign(start, Request{}); err == nil {
		t.Error("succeeding one without a plan makes a plan")
	}
	after.Succeed(before)
	if got := count(t, after, 10, Request{}); got["a"]+got["b"] != 10 {
		t.Errorf("placed %v, want all", got)
	}
	if got := after.hosts["a"].pending + after.hosts["b"].pending; got != 20 {
		t.Errorf("%v clients are counted, want those of both, 20", got)
	}
	apply(t, after, planOf(told("b", nil)))
	after.Succeed(before)
	if got := count(t, after, 10, Request{}); got["b"] != 10 {
		t.Errorf("placed %v, want all by the newer plan", got)
	}
}
