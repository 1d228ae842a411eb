package scorer

import (
	"math"
	"strings"
	"testing"
)

// What a person reads of a report that is not believed ends with the reports.
func TestNoReportIsNotDoubted(t *testing.T) {
	capacity := map[string]float64{"s0": 400, "s1": 400, "s2": 200, "s3": 200}
	r := newRig(t, Config{Kind: KindRequests}, equalBackends(4)...)
	seconds := func(n int, lies bool) {
		for range n {
			counts := physics(r.plan, capacity, 700)
			var own []Report
			for name, c := range counts {
				report := NewReport(name, "orca", r.now)
				report.Utilization = c.completed / capacity[name]
				if name == "s0" {
					report.Utilization *= 0.3
				}
				if name != "s0" || lies {
					own = append(own, report)
				}
			}
			r.step(counts, own...)
		}
	}
	const said = "its load report is not believed"
	seconds(120, true)
	if why := r.decision("s0").Why; !strings.Contains(why, said) || !r.pool.Learned().Backends[0].Doubted {
		t.Errorf("while it lies: %q, want %q", why, said)
	}
	seconds(30, false)
	if why := r.decision("s0").Why; strings.Contains(why, said) || r.pool.Learned().Backends[0].Doubted {
		t.Errorf("when it reports no more: %q", why)
	}
}

// Where what is in flight shows nothing, a weight that nothing is reported for does
// not come of it.
func TestWhyWithoutAWitness(t *testing.T) {
	r := newRig(t, Config{}, equalBackends(4)...)
	r.algorithm = LeastRequest
	use := map[string]float64{"s0": 0.3, "s1": 0.6, "s2": 0.6}
	for range 120 {
		counts := map[string]seen{}
		var own []Report
		for _, b := range equalBackends(4) {
			// It may be connections that nobody tells from requests.
			counts[b.Name] = seen{inFlight: 400, completed: 100, upgrades: math.NaN()}
			if u, ok := use[b.Name]; ok {
				report := NewReport(b.Name, "orca", r.now)
				report.Utilization = u
				own = append(own, report)
			}
		}
		r.step(counts, own...)
	}
	if why := r.decision("s0").Why; !strings.Contains(why, "from its load report") {
		t.Errorf("s0, which reports: %q", why)
	}
	if why := r.decision("s3").Why; !strings.Contains(why, "it reports no utilization now") {
		t.Errorf("s3, which does not: %q", why)
	}
}

func TestWhyWeightsWait(t *testing.T) {
	for name, test := range map[string]struct {
		law       string
		completed float64 // of 400 in flight at each of four
		steps     int
		want      string
	}{
		"nothing seen":          {LawAuto, math.NaN(), 3, "as it was found: too little has completed"},
		"a law without reports": {LawIdle, 100, 3, "as it was found: the configured law needs reports of utilization"},
		"work that waits":       {LawAuto, 100, 90, "as it was: what is in flight may be connections"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Config{Law: test.law}, equalBackends(4)...)
			r.algorithm = LeastRequest
			for range test.steps {
				counts := map[string]seen{}
				for _, b := range equalBackends(4) {
					counts[b.Name] = seen{inFlight: 400, completed: test.completed, upgrades: math.NaN()}
				}
				r.step(counts)
			}
			if why := r.decision("s0").Why; !strings.HasPrefix(why, test.want) {
				t.Errorf("%q, want %q: %s", why, test.want, r.plan.LawWhy)
			}
		})
	}
}
