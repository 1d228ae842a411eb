package scorer

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A restart moves nothing, whatever a pool has learned from and though those who
// report come back one after the other.
func TestARestartMovesNoWeight(t *testing.T) {
	capacity := map[string]float64{"s0": 400, "s1": 400, "s2": 200, "s3": 200, "s4": 340, "s5": 380}
	requests := func(plan Plan) map[string]seen { return physics(plan, capacity, 700) }
	// Held connections by weight, of which one on s3 pins half of it.
	held := func(plan Plan) map[string]seen {
		out := map[string]seen{}
		for name := range capacity {
			weight := 1.0
			for _, d := range plan.Decisions {
				if d.Backend == name {
					weight = d.Weight
				}
			}
			out[name] = seen{100 * weight, 1, 0, 1}
		}
		return out
	}
	for _, test := range []struct {
		name      string
		algorithm Algorithm
		counts    func(Plan) map[string]seen
		reports   bool
		kind      Kind
		law       string
	}{
		{"requests, counts alone", LeastConnections, requests, false, KindRequests, LawCapacity},
		{"requests with reports", LeastRequest, requests, true, KindRequests, LawCapacity},
		{"round robin with reports", RoundRobin, requests, true, KindRequests, LawCapacity},
		{"round robin, counts alone", RoundRobin, requests, false, KindRequests, LawCapacity},
		{"connections", LeastRequest, held, false, KindConnections, LawStatic},
		{"connections with reports", LeastRequest, held, true, KindConnections, lawConnections},
	} {
		t.Run(test.name, func(t *testing.T) {
			own := func(counts map[string]seen, who ...string) (out []Report) {
				for _, name := range who {
					report := NewReport(name, "orca", start)
					report.Utilization = counts[name].completed / capacity[name]
					if test.kind == KindConnections {
						report.Utilization = counts[name].inFlight / 400
						if name == "s3" {
							report.Utilization += 0.5
						}
					}
					if test.reports {
						out = append(out, report)
					}
				}
				return out
			}
			all := []string{"s0", "s1", "s2", "s3", "s4", "s5"}
			r := newRig(t, Config{}, equalBackends(6)...)
			r.algorithm = test.algorithm
			for range 300 {
				counts := test.counts(r.plan)
				r.step(counts, own(counts, all...)...)
			}
			if r.plan.Kind != test.kind || r.plan.Law != test.law {
				t.Fatalf("kind %v, law %q, the test needs %v and %q", r.plan.Kind, r.plan.Law, test.kind, test.law)
			}
			next := newRig(t, Config{}, equalBackends(6)...)
			next.pool.Recall(saved(t, r.pool), r.now)
			// A data plane whose weights nobody can read, and that takes some seconds
			// to come back.
			next.now, next.algorithm, next.plan = r.now, test.algorithm, r.plan
			next.pool.Applied("t", InForce{Origin: "haproxy:a", Algorithm: test.algorithm})
			for i := range 8 {
				counts := test.counts(next.plan)
				switch i {
				case 0, 1:
					next.step(nil)
				case 2:
					next.step(nil, own(counts, all[:2]...)...)
				default:
					next.step(counts, own(counts, all...)...)
				}
				if next.plan.Kind != test.kind || next.plan.Law != test.law {
					t.Errorf("step %d: kind %v, law %q (%s)", i, next.plan.Kind, next.plan.Law, next.plan.LawWhy)
				}
				for k, d := range next.plan.Decisions {
					was := r.plan.Decisions[k].Weight
					if moved := math.Abs(math.Log(d.Weight / was)); moved > 0.04 {
						t.Errorf("step %d: %s has %.3f, before the restart %.3f: %s", i, d.Backend, d.Weight, was, d.Why)
					}
				}
			}
		})
	}
}

// saved is what a file gives back of a pool's memory.
func saved(t *testing.T, p *Pool) Memory {
	t.Helper()
	text, err := json.Marshal(p.Memory())
	if err != nil {
		t.Fatal(err)
	}
	var memory Memory
	if err := json.Unmarshal(text, &memory); err != nil {
		t.Fatal(err)
	}
	return memory
}

// unequal is a pool that has learned that capacities are two to one.
func unequal(t *testing.T) *rig {
	capacity := map[string]float64{"s0": 400, "s1": 400, "s2": 200, "s3": 200}
	r := newRig(t, Config{Kind: KindRequests}, equalBackends(4)...)
	for range 200 {
		r.step(physics(r.plan, capacity, 700))
	}
	return r
}

// Members that change between two steps take nothing from what is known of the others.
func TestMemoryOutlastsANewMember(t *testing.T) {
	r := unequal(t)
	want, learned := r.pool.Memory().Backends, r.pool.Learned().Backends
	r.pool.SetBackends(append(equalBackends(4), Backend{Name: "a0"}))
	got := r.pool.Memory().Backends
	if first := got["a0"]; first.Deviation != 0 {
		t.Errorf("the new one: %+v, want nothing learned", first)
	}
	delete(got, "a0")
	if diff := cmp.Diff(want, got); diff != "" || want["s0"].Log < 0.2 {
		t.Errorf("memory (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(learned, r.pool.Learned().Backends[1:]); diff != "" {
		t.Errorf("learned (-before +after):\n%s", diff)
	}
}

// Backends that are discovered late, and one after the other, are all remembered.
func TestMemoryAwaitsWhoComesLater(t *testing.T) {
	r := unequal(t)
	want := saved(t, r.pool)
	next := newRig(t, Config{Kind: KindRequests})
	next.pool.Recall(want, r.now)
	now := r.now
	step := func(when string) {
		t.Helper()
		now = now.Add(time.Second)
		next.pool.Step(now)
		got := next.pool.Memory().Backends
		for name, was := range want.Backends {
			if b := got[name]; math.Abs(b.Log-was.Log) > 0.02 || b.Deviation > 0.1 || b.Held == nil || b.Weight == 0 {
				t.Errorf("%s, %s: %+v, before the restart %+v", when, name, b, was)
			}
		}
	}
	for range 15 {
		step("with nobody")
	}
	next.pool.SetBackends(equalBackends(2))
	step("with two")
	next.pool.SetBackends(equalBackends(4))
	step("with all")
}

func TestMemoryMakesNothingSurer(t *testing.T) {
	k := DefaultConstants()
	for name, test := range map[string]struct {
		age             float64
		remembered      Remembered
		latency, report float64 // standard deviations that come of it
	}{
		"at once":         {0, Remembered{Log: 0.2, Deviation: 0.1, Report: &RememberedReport{Log: 0.1, Deviation: 0.5}}, 0.1, 0.5},
		"some time later": {16, Remembered{Log: 0.2, Deviation: 0.15, Report: &RememberedReport{Log: 0.1, Deviation: 0.06}}, 0.25, 0.1},
		"long ago":        {1e6, Remembered{Log: 0.2, Deviation: 0.1, Report: &RememberedReport{Log: 0.1, Deviation: 0.1}}, k.FirstDeviation, k.FirstReportDeviation},
		"nothing learned": {16, Remembered{Report: &RememberedReport{Log: 0.1, Deviation: 0.6}}, 0, k.FirstReportDeviation},
	} {
		t.Run(name, func(t *testing.T) {
			r := test.remembered
			if !r.sane(test.age, &k) {
				t.Fatal("taken for nonsense")
			}
			if math.Abs(r.Deviation-test.latency) > 1e-9 || math.Abs(r.Report.Deviation-test.report) > 1e-9 {
				t.Errorf("deviations %v and %v, want %v and %v", r.Deviation, r.Report.Deviation, test.latency, test.report)
			}
		})
	}
}
