package simulate

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/scorer"
)

func TestImbalance(t *testing.T) {
	s := short(time.Minute, 1, 0.4, pool(4, 4))
	s.Demand = constant(time.Millisecond) // so that a second has little noise
	if r := must(t, s, scorer.RoundRobin, 1, Static{1, 1}); r.Imbalance > 1.005 {
		t.Errorf("imbalance of equal shares %v, want about 1", r.Imbalance)
	}
	if r := must(t, s, scorer.RoundRobin, 1, Static{3, 2}); math.Abs(r.Imbalance-1.2) > 0.005 {
		t.Errorf("imbalance of 3 and 2 shares %v, want 1.2", r.Imbalance)
	}
	// A neighbour is load, too.
	s.Backends[0].Condition = during(0, forever, func(c *Condition) { c.Taken = 0.8 })
	if r := must(t, s, scorer.RoundRobin, 1, Static{1, 1}); math.Abs(r.Imbalance-1.2) > 0.005 {
		t.Errorf("imbalance with a neighbour %v, want 0.6/0.5", r.Imbalance)
	}
}

func TestSeries(t *testing.T) {
	s := short(20*time.Second, 1, 0.5, pool(4, 4))
	s.Warmup = 5 * time.Second
	s.Backends[0].Condition = during(10*time.Second, 15*time.Second, func(c *Condition) { c.Down = true })
	r, err := recorded(&s, Proxy{Algorithm: scorer.RoundRobin}, 1, Static{100, 100})
	if err != nil {
		t.Fatal(err)
	}
	a, b := r.Series.Backends[0], r.Series.Backends[1]
	if len(a.InFlight) != 20 || len(a.Utilization) != 20 || len(a.Weight) != 20 || len(a.Latency) != 20 || a.Name != "s001" {
		t.Fatalf("series of %d, %d, %d and %d values of %s, want 20 of s001", len(a.InFlight), len(a.Utilization), len(a.Weight), len(a.Latency), a.Name)
	}
	weights := []float64{a.Weight[8], a.Weight[11], a.Weight[16]}
	if diff := cmp.Diff([]float64{100, 0, 100}, weights); diff != "" {
		t.Errorf("weights before, while down and after (-want +got):\n%s", diff)
	}
	if a.Utilization[12] != 0 || !math.IsNaN(a.Latency[12]) || b.Utilization[12] < 0.8 || b.InFlight[12] <= a.InFlight[12] {
		t.Errorf("while down: utilization %v and %v, latency %v", a.Utilization[12], b.Utilization[12], a.Latency[12])
	}
	if without := must(t, s, scorer.RoundRobin, 1, Static{100, 100}); without.Series != nil || without.P99 != r.P99 {
		t.Errorf("not recorded: %+v", without)
	}
}

// stepping changes from equal weights to a third at a time of its own.
type stepping struct{ at, back time.Duration }

func (s stepping) Start() Steering { return Steering{Weights: []int{100, 100}} }

func (s stepping) Step(now time.Duration, _ []Sample) Steering {
	if now >= s.at && now < s.back {
		return Steering{Weights: []int{50, 100}}
	}
	return s.Start()
}

func TestConvergence(t *testing.T) {
	s := short(time.Minute, 1, 0.3, pool(4, 4))
	s.Backends[0].Condition = Timeline(
		Change{At: 10 * time.Second, Until: 40 * time.Second, Do: func(c *Condition) { c.Speed = 0.5 }},
	)
	for name, test := range map[string]struct {
		controller  Controller
		first, then time.Duration
	}{
		"in seven seconds":  {stepping{17 * time.Second, 40 * time.Second}, 7 * time.Second, 0},
		"too short":         {stepping{37 * time.Second, 40 * time.Second}, -1, 0},
		"never":             {Static{100, 100}, -1, 0},
		"and never back":    {stepping{11 * time.Second, time.Hour}, time.Second, -1},
		"late to come back": {stepping{11 * time.Second, 50 * time.Second}, time.Second, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			want := []Convergence{
				{At: 10 * time.Second, Backends: []string{"s001"}, After: test.first},
				{At: 40 * time.Second, Backends: []string{"s001"}, After: test.then},
			}
			if diff := cmp.Diff(want, must(t, s, scorer.RoundRobin, 1, test.controller).Convergence); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A capacity is halved: how long the default law takes.
func TestPoolConverges(t *testing.T) {
	s := short(3*time.Minute, 1, 0.6, pool(4, 4, 4, 4, 4))
	s.Reports = DefaultReports()
	s.Backends[0].Condition = during(90*time.Second, forever, func(c *Condition) { c.Speed = 0.5 })
	for _, p := range []Proxy{{Kind: KindHAProxy}, {Kind: KindEnvoy, Algorithm: scorer.LeastRequest}} {
		c, err := Trimtab().Policy().New(Setup{Scenario: &s, Proxy: p.withDefaults()})
		if err != nil {
			t.Fatal(err)
		}
		r, err := alone(&s, p, 1, c)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %+v, weights %v", p, r.Convergence, r.Weights)
		if len(r.Convergence) != 1 || r.Convergence[0].After < 0 || r.Convergence[0].After > 45*time.Second {
			t.Errorf("%s: %+v, want one change that is followed within 45 s", p, r.Convergence)
		}
	}
}
