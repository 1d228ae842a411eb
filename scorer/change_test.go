package scorer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestChangesInWords(t *testing.T) {
	at := time.Date(2026, 1, 1, 15, 3, 12, 0, time.FixedZone("CET", 3600))
	for _, test := range []struct {
		change change
		want   string
	}{
		{change{}, ""},
		{change{at, math.Log(0.52)}, "; capacity fell by 48 % beside the pool's at 14:03:12 UTC, learned anew"},
		{change{at, math.Log(2)}, "; capacity rose by 100 % beside the pool's at 14:03:12 UTC, learned anew"},
	} {
		if got := string(test.change.words(nil)); got != test.want {
			t.Errorf("%+v: %q, want %q", test.change, got, test.want)
		}
	}
}

func TestChangesAreNoticed(t *testing.T) {
	type step struct {
		seconds  int // after the one before
		to       float64
		catching bool
	}
	for _, test := range []struct {
		name  string
		steps []step
		asked int // seconds after the last step
		want  change
	}{
		{"none", []step{{1, 0.05, false}, {1, 0.3, false}}, 0, change{}},
		{"too little to tell", []step{{1, 0.1, true}, {1, 0.15, false}}, 0, change{}},
		{"one, from its beginning on", []step{{1, -0.1, true}, {1, -0.4, true}, {2, -0.6, false}}, 0, change{start.Add(time.Second), -0.6}},
		{"hardly more than was said", []step{{1, -0.4, true}, {2, -0.42, false}}, 0, change{start.Add(time.Second), -0.4}},
		{"what comes later is noise", []step{{1, -0.4, true}, {11, -0.6, false}}, 0, change{start.Add(time.Second), -0.4}},
		{"a new one from where the old one ended", []step{{1, -0.7, true}, {20, 0, true}}, 0, change{start.Add(21 * time.Second), 0.7}},
		{"a small one does not hide it", []step{{1, -0.7, true}, {20, -0.6, true}}, 0, change{start.Add(time.Second), -0.7}},
		{"long ago", []step{{1, -0.7, true}}, 601, change{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var c changes
			var f filter
			now := start
			for _, s := range test.steps {
				now = now.Add(time.Duration(s.seconds) * time.Second)
				f.before, f.x, f.catching = f.x, s.to, s.catching
				c.note(now, &f)
			}
			got := c.told(now.Add(time.Duration(test.asked) * time.Second))
			if !got.at.Equal(test.want.at) || math.Abs(got.by-test.want.by) > 1e-9 {
				t.Errorf("told %+v, want %+v", got, test.want)
			}
		})
	}
}

// noisy is what proxies count of servers, with the noise of single requests.
func noisy(rng *rand.Rand, counts map[string]seen, names []string) map[string]seen {
	out := map[string]seen{}
	for _, name := range names { // in order, as a map has none
		c := counts[name]
		c.completed = max(0, c.completed+math.Sqrt(c.completed)*rng.NormFloat64())
		out[name] = c
	}
	return out
}

func TestACapacityThatFallsIsFollowedAndSaid(t *testing.T) {
	for _, reported := range []bool{true, false} {
		t.Run(fmt.Sprintf("reports %v", reported), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(5, 6))
			capacity := map[string]float64{"s0": 200, "s1": 200, "s2": 200, "s3": 200, "s4": 200}
			names := []string{"s0", "s1", "s2", "s3", "s4"}
			r := newRig(t, Config{}, equalBackends(5)...)
			step := func() {
				counts := noisy(rng, physics(r.plan, capacity, 500), names)
				var own []Report
				for _, name := range names {
					report := NewReport(name, "orca", r.now)
					report.Utilization = min(counts[name].completed/capacity[name], 0.98) * (1 + 0.05*rng.NormFloat64())
					own = append(own, report)
				}
				if !reported {
					own = nil
				}
				r.step(counts, own...)
			}
			for range 120 {
				step()
			}
			if why := r.decision("s0").Why; strings.Contains(why, "capacity fell") || strings.Contains(why, "capacity rose") {
				t.Errorf("before anything happened: %q", why)
			}
			capacity["s0"] = 100
			happened := r.now
			right, near := 100.0/900*5, 0
			took := 0
			for ; near < 5 && took < 120; took++ {
				step()
				if near++; math.Abs(r.decision("s0").Weight/right-1) > 0.1 {
					near = 0
				}
			}
			took -= near
			t.Logf("near the right weight after %d s: %s", took, r.decision("s0").Why)
			if most := map[bool]int{true: 15, false: 60}[reported]; took > most {
				t.Errorf("took %d s, want at most %d", took, most)
			}
			why := r.decision("s0").Why
			if !strings.Contains(why, "; capacity fell by ") || !strings.Contains(why, happened.Format(" at 15:04:")) {
				t.Errorf("%s after it has happened: %q", r.now.Sub(happened), why)
			}
			for range int(changeTold.Seconds()) + 60 {
				step()
			}
			if why := r.decision("s0").Why; strings.Contains(why, "capacity fell") {
				t.Errorf("long after it: %q", why)
			}
		})
	}
}

func TestASteadyPoolIsLeftAlone(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	capacity := map[string]float64{"s0": 400, "s1": 400, "s2": 200, "s3": 200, "s4": 300}
	names := []string{"s0", "s1", "s2", "s3", "s4"}
	r := newRig(t, Config{}, equalBackends(5)...)
	for range 120 {
		r.step(noisy(rng, physics(r.plan, capacity, 900), names))
	}
	rounder := NewRounder(RounderConfig{Max: 256})
	before := rounder.Round(r.plan, LeastConnections).Weights
	changes := 0
	const minutes = 10
	for range minutes * 60 {
		r.step(noisy(rng, physics(r.plan, capacity, 900), names))
		weights := rounder.Round(r.plan, LeastConnections).Weights
		for i := range weights {
			if weights[i] != before[i] {
				changes++
			}
		}
		before = weights
	}
	if rate := float64(changes) / minutes / float64(len(names)); rate > 1 {
		t.Errorf("%.2f changes of each weight a minute, want at most 1", rate)
	}
}

// A report may say of a sudden what latency cannot show yet, and only that.
func TestJudgingReports(t *testing.T) {
	for _, test := range []struct {
		name          string
		claim, sudden float64
		doubted, want bool
	}{
		{"agrees", 0.1, 0, false, false},
		{"claims too much", 0.6, 0, false, true},
		{"claims too little", -0.3, 0, false, true},
		{"fell just now", -0.6, -0.6, false, false},
		{"fell just now, and claims less yet", -0.9, -0.6, false, true},
		{"rose just now", 0.6, 0.6, false, false},
		{"fell just now, and claims too much", 0.6, -0.6, false, true},
		{"rose just now, and claims too little", -0.6, 0.6, false, true},
		{"doubted, and nearly agrees", 0.3, 0, true, true},
		{"doubted, and agrees", 0.1, 0, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := reportState{doubted: test.doubted, sudden: test.sudden}
			k := DefaultConstants()
			if r.judge(test.claim, test.claim, 0.1, &k); r.doubted != test.want {
				t.Errorf("doubted %v, want %v", r.doubted, test.want)
			}
		})
	}
}
