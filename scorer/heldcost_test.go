package scorer

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// sums adds one second of a backend with a load of perRequest·q + perHeld·h.
func (h *heldCost) sums(q, held, load float64) {
	h.qq.add(q*q, 1)
	h.qh.add(q*held, 1)
	h.hh.add(held*held, 1)
	h.lq.add(load*q, 1)
	h.lh.add(load*held, 1)
	h.ll.add(load*load, 1)
}

func TestHeldCostIsFoundAndNotOverestimated(t *testing.T) {
	const draws = 1000
	for _, want := range []float64{0, 0.01, 0.1, 1} {
		off := 0
		for seed := range uint64(draws) {
			random := rand.New(rand.NewPCG(seed, 1))
			perRequest := math.Exp(math.Log(0.001) + math.Log(100)*random.Float64())
			cost := newHeldCost(new(DefaultConstants()))
			for range 60 {
				q, held := 50+100*random.Float64(), 100+400*random.Float64()
				load := perRequest * (q + want*held) * (1 + 0.05*random.NormFloat64())
				cost.sums(q, held, load)
			}
			if got := cost.ratio(60); got < 0.5*want-0.02 || got > 1.3*want+0.01 {
				off++
			}
		}
		t.Logf("%d of %d off for a cost of %v", off, draws, want)
		if off > draws/500 {
			t.Errorf("of %d minutes, %d show a cost that is not about %v", draws, off, want)
		}
	}
}

func TestHeldCostOfWhatCannotBeToldApart(t *testing.T) {
	for _, test := range []struct {
		name string
		held func(q float64) float64
	}{
		{"nothing held", func(float64) float64 { return 0 }},
		{"held in proportion to requests", func(q float64) float64 { return 3 * q }},
	} {
		t.Run(test.name, func(t *testing.T) {
			cost := newHeldCost(new(DefaultConstants()))
			for i := range 60 {
				q := float64(50 + i)
				cost.sums(q, test.held(q), q*0.02)
			}
			if got := cost.ratio(60); got != 0 {
				t.Errorf("cost %v, want 0", got)
			}
		})
	}
}

// held is a pool of requests of 20 ms beside connections that stay for a minute and
// cost 2 ms of a core each second. Both follow weights: requests at once, connections
// as they come.
type held struct {
	cores, sockets, latencies map[string]float64
	random                    *rand.Rand
}

func newHeld() *held {
	return &held{
		cores:     map[string]float64{"s0": 8, "s1": 4, "s2": 2},
		sockets:   map[string]float64{"s0": 400, "s1": 400, "s2": 400},
		latencies: map[string]float64{},
		random:    rand.New(rand.NewPCG(7, 7)),
	}
}

func (h *held) second(plan Plan, reported bool) (map[string]seen, []Report) {
	counts := map[string]seen{}
	var own []Report
	weight := map[string]float64{"s0": 1, "s1": 1, "s2": 1}
	for _, d := range plan.Decisions {
		weight[d.Backend] = d.Weight
	}
	for _, name := range []string{"s0", "s1", "s2"} { // in order, as chance is drawn
		cores := h.cores[name]
		share := weight[name] / 3
		comes := 1200.0 / 60 * share
		h.sockets[name] += comes - h.sockets[name]/60
		q := 300 * share * (1 + 0.05*h.random.NormFloat64())
		utilization := min((q*0.02+h.sockets[name]*0.002)/cores, 1)
		latency := 0.02 / max(1-utilization, 0.05)
		counts[name] = seen{h.sockets[name] + q*latency, q + comes, 0, comes}
		h.latencies[name] = latency
		if reported {
			r := NewReport(name, "own:"+name, start)
			r.Utilization = utilization * (1 + 0.02*h.random.NormFloat64())
			own = append(own, r)
		}
	}
	return counts, own
}

func TestRequestsBesideHeldConnectionsFollowUtilization(t *testing.T) {
	world, r := newHeld(), newRig(t, Config{}, equalBackends(3)...)
	r.latencies = world.latencies
	var most float64
	before := 0.0
	for second := range 240 {
		counts, own := world.second(r.plan, true)
		r.step(counts, own...)
		now := r.decision("s2").Weight
		if second > 0 {
			most = max(most, math.Abs(math.Log(now/before)))
		}
		before = now
	}
	for name, cores := range world.cores {
		if got, want := r.decision(name).Weight, cores/14*3; math.Abs(math.Log(got/want)) > 0.25 {
			t.Errorf("%s: weight %.2f, want about %.2f", name, got, want)
		}
	}
	// A minute's stay lets a sixtieth of them come in a second.
	if most > 2.0/60 {
		t.Errorf("a weight moved by %.3f in a second, faster than connections come", most)
	}
}

func TestHeldConnectionsWithoutReportsMoveNothing(t *testing.T) {
	for _, test := range []struct {
		name   string
		config Config
		blind  bool // as Envoy: neither upgrades nor response times
		learns bool
	}{
		{"HAProxy", Config{}, false, false},
		{"Envoy", Config{}, true, false},
		{"said to be requests", Config{Kind: KindRequests}, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			world, r := newHeld(), newRig(t, test.config, equalBackends(3)...)
			for range 120 {
				counts, _ := world.second(r.plan, false)
				if test.blind {
					for name, c := range counts {
						c.upgrades = math.NaN()
						counts[name] = c
					}
				} else {
					r.latencies = world.latencies
				}
				r.step(counts)
			}
			if weight := r.decision("s2").Weight; math.Abs(weight-1) > 1e-9 && !test.learns {
				t.Errorf("weight %v, want 1", weight)
			}
			if learns := r.plan.Law == LawCapacity; learns != test.learns {
				t.Errorf("law %s (%s), want that it learns: %v", r.plan.Law, r.plan.LawWhy, test.learns)
			}
			if !test.learns && !strings.Contains(r.plan.LawWhy, "held") {
				t.Errorf("reason %q does not say what is held", r.plan.LawWhy)
			}
		})
	}
}

// A backend behind 30 ms more of network is no liar when it says that it is as
// strong as configured, and one that claims to be stronger than that is not believed.
func TestDistanceIsNoLie(t *testing.T) {
	for _, test := range []struct {
		name        string
		utilization float64 // of the distant backend
		least, most float64
	}{
		{"honest", 0.5, 0.95, 1.05},
		{"claims five times its strength", 0.1, 0, 0.9},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, Config{}, equalBackends(4)...)
			for range 180 {
				counts := map[string]seen{}
				var own []Report
				for _, d := range []string{"s0", "s1", "s2", "s3"} {
					c, u := seen{inFlight: 6, completed: 300}, 0.5
					if d == "s3" {
						c, u = seen{inFlight: 6, completed: 120}, 0.5*120/300
						u *= test.utilization / 0.5
					}
					counts[d] = c
					report := NewReport(d, "own:"+d, start)
					report.Utilization = u
					own = append(own, report)
				}
				r.step(counts, own...)
			}
			if got := r.decision("s3").Weight; got < test.least || got > test.most {
				t.Errorf("weight %.2f, want %.2f to %.2f", got, test.least, test.most)
			}
		})
	}
}
