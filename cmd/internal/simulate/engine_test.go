package simulate

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-lb/trimtab/scorer"
)

// short is a scenario of its own length, without reports.
func short(duration time.Duration, proxies int, load float64, backends []Backend) Scenario {
	s := scenario("test", proxies, load, backends)
	s.Warmup, s.Duration, s.Reports = 0, duration, nil
	return s
}

func must(t *testing.T, s Scenario, a scorer.Algorithm, seed uint64, c Controller) Result {
	t.Helper()
	r, err := alone(&s, Proxy{Algorithm: a}, seed, c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Processor sharing has the same mean for every distribution of work: that of
// M/M/1, work / (1 - load).
func TestMeanOfOneCore(t *testing.T) {
	demands := map[string]Demand{
		"exponential": exponential(meanWork),
		"constant":    constant(meanWork),
		"shifted":     shiftedExponential(meanWork/2, meanWork/2),
		"log-normal":  logNormal(meanWork, 1),
		"pareto":      pareto(meanWork/3, 1.5*1.5),
		"mix":         mix(constant(meanWork/2), exponential(3*meanWork), 0.1),
	}
	for name, demand := range demands {
		t.Run(name, func(t *testing.T) {
			s := short(2*time.Hour, 1, 0.6, pool(1))
			s.Demand = demand
			got := must(t, s, scorer.LeastConnections, 1, Static{1}).Mean.Seconds()
			want := demand.Mean / (1 - 0.6)
			if math.Abs(got/want-1) > 0.03 {
				t.Errorf("mean %v s, want %v", got, want)
			}
		})
	}
}

// With c cores and exponential work the mean is that of M/M/c.
func TestMeanOfManyCores(t *testing.T) {
	const cores, load = 4, 0.8
	s := short(time.Hour, 1, load, pool(cores))
	got := must(t, s, scorer.LeastConnections, 1, Static{1}).Mean.Seconds()
	a, term, sum := cores*load, 1.0, 0.0
	for n := range cores {
		sum += term
		term *= a / float64(n+1)
	}
	busy := term / (1 - load)
	wait := busy / (sum + busy) // Erlang C
	want := meanWork.Seconds() * (1 + wait/(cores*(1-load)))
	if math.Abs(got/want-1) > 0.02 {
		t.Errorf("mean %v s, want %v", got, want)
	}
}

func TestWorkIsConserved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cores := rapid.SliceOfN(rapid.Float64Range(0.5, 8), 1, 6).Draw(t, "cores")
		s := short(5*time.Second, rapid.IntRange(1, 4).Draw(t, "proxies"), rapid.Float64Range(0.1, 1.3).Draw(t, "load"), pool(cores...))
		s.Demand = withWait(exponential(meanWork), 100*time.Millisecond, 0.3)
		for i := range s.Backends {
			taken := rapid.Float64Range(0, s.Backends[i].Cores/2).Draw(t, "taken")
			s.Backends[i].Condition = during(time.Second, 3*time.Second, func(c *Condition) { c.Taken = taken })
		}
		a := rapid.SampledFrom(Algorithms()).Draw(t, "algorithm")
		trace := newTrace(&s, rapid.Uint64().Draw(t, "seed"))
		e, err := newEngine(&run{scenario: &s, seed: 1, by: []steered{{Proxy{Algorithm: a}, Static(s.OracleWeights())}}, trace: trace})
		if err != nil {
			t.Fatal(err)
		}
		e.run()
		var want, got float64
		for _, r := range trace {
			want += r.work
		}
		for i := range e.backends {
			got += e.backends[i].used
		}
		if math.Abs(got-want) > 1e-6*(1+want) {
			t.Errorf("backends worked %v core-seconds, the requests are %v", got, want)
		}
		r := e.finish()
		if r.Requests != len(trace) || r.Failed+r.Unfinished != 0 || len(e.pools[0].latencies) != len(trace) {
			t.Errorf("of %d requests: %+v, %d latencies", len(trace), r, len(e.pools[0].latencies))
		}
		for p := range e.pools[0].counts.proxies {
			for b, n := range e.pools[0].counts.proxies[p].inFlight {
				if n != 0 {
					t.Errorf("proxy %d still counts %d on backend %d", p, n, b)
				}
			}
		}
	})
}

func TestLoadIsWhatWasAsked(t *testing.T) {
	s := short(10*time.Minute, 1, 0, unequal())
	s.Load = step(0.2, 5*time.Minute, 0.8)
	trace := newTrace(&s, 1)
	var work [2]float64
	for _, r := range trace {
		work[int(r.at/300)] += r.work
	}
	for i, want := range []float64{0.2 * 26 * 300, 0.8 * 26 * 300} {
		if math.Abs(work[i]/want-1) > 0.02 {
			t.Errorf("half %d: %v core-seconds, want %v", i, work[i], want)
		}
	}
}

func TestSameSeedSameResult(t *testing.T) {
	s := short(20*time.Second, 4, 0.7, unequal())
	s.Reports = DefaultReports()
	for _, a := range Algorithms() {
		t.Run(string(a), func(t *testing.T) {
			one := func(seed uint64) Result {
				c, err := PoolOf("capacity", scorer.Config{}).Policy().New(Setup{Scenario: &s, Proxy: Proxy{Algorithm: a}})
				if err != nil {
					t.Fatal(err)
				}
				return must(t, s, a, seed, c)
			}
			if diff := cmp.Diff(one(1), one(1)); diff != "" {
				t.Errorf("seed 1 twice (-first +second):\n%s", diff)
			}
			if one(1).P99 == one(2).P99 {
				t.Error("seeds 1 and 2 give the same p99")
			}
		})
	}
}

func TestFailingBackendFailsFast(t *testing.T) {
	s := short(20*time.Second, 1, 0.3, pool(4, 4))
	s.Backends[0].Condition = during(0, forever, func(c *Condition) { c.Errors = 1 })
	r := must(t, s, scorer.RoundRobin, 1, Static{1, 1})
	if e := r.ErrorShare(); math.Abs(e-0.5) > 0.001 {
		t.Errorf("errors %v, want a half", e)
	}
	if r := must(t, s, scorer.RoundRobin, 1, Static{0, 0}); r.ErrorShare() != 1 {
		t.Errorf("errors without any weight %v, want all", r.ErrorShare())
	}
}

func TestDownGetsNothing(t *testing.T) {
	s := short(20*time.Second, 2, 0.3, pool(4, 4))
	s.Backends[0].Condition = during(0, forever, func(c *Condition) { c.Down = true })
	for _, a := range Algorithms() {
		r := must(t, s, a, 1, Static{256, 1})
		if diff := cmp.Diff([]float64{0, 1}, r.Shares); diff != "" {
			t.Errorf("%s: shares (-want +got):\n%s", a, diff)
		}
	}
}

func TestStandstillIsUnfinished(t *testing.T) {
	s := short(10*time.Second, 1, 0.3, pool(4))
	s.Backends[0].Condition = during(5*time.Second, forever, func(c *Condition) { c.Taken = 4 })
	r := must(t, s, scorer.LeastConnections, 1, Static{1})
	if e := r.ErrorShare(); math.Abs(e-0.5) > 0.1 {
		t.Errorf("share that never ended %v, want about a half", e)
	}
}

// pulsing gives the first backend nothing but 100 ms of each second.
type pulsing struct{}

func (pulsing) Start() Steering { return Steering{Weights: []int{0, 100}} }

func (pulsing) Step(time.Duration, []Sample) Steering {
	return Steering{Weights: []int{100, 100}, Pulses: []time.Duration{100 * time.Millisecond, 0}}
}

func TestPulse(t *testing.T) {
	s := short(2*time.Minute, 1, 0.3, pool(4, 4))
	r := must(t, s, scorer.RoundRobin, 1, pulsing{})
	if got := r.Shares[0]; math.Abs(got-0.05) > 0.005 {
		t.Errorf("share %v, want half of a tenth of the time: 0.05", got)
	}
	if r.Pushes != 0 {
		t.Errorf("%d pushes, want none: pulses are not counted", r.Pushes)
	}
}

func TestDistanceIsLatencyAndInFlightOnly(t *testing.T) {
	near := short(time.Minute, 1, 0.3, pool(4))
	distant := near.with(func(s *Scenario) { s.Backends[0].Distance = 30 * time.Millisecond })
	a := must(t, near, scorer.RoundRobin, 1, Static{1})
	b := must(t, distant, scorer.RoundRobin, 1, Static{1})
	if got := b.P50 - a.P50; (got - 30*time.Millisecond).Abs() > time.Microsecond {
		t.Errorf("p50 grew by %v, want 30ms", got)
	}
}

func TestBadScenarios(t *testing.T) {
	for name, change := range map[string]func(*Scenario){
		"no backends": func(s *Scenario) { s.Backends = nil },
		"no proxies":  func(s *Scenario) { s.Proxies = 0 },
		"no load":     func(s *Scenario) { s.Load = nil },
		"too short":   func(s *Scenario) { s.Warmup = s.Duration },
		"no cores":    func(s *Scenario) { s.Backends[0].Cores = 0 },
		"NaN speed":   func(s *Scenario) { s.Backends[0].Speed = math.NaN() },
		"one oracle":  func(s *Scenario) { s.Oracle = []float64{1} },
		"future":      func(s *Scenario) { s.Reports = &Reports{Delay: -1} },
	} {
		t.Run(name, func(t *testing.T) {
			s := short(time.Second, 1, 0.5, pool(1, 1)).with(change)
			if _, err := alone(&s, Proxy{Algorithm: scorer.Random}, 1, Static{1, 1}); err == nil {
				t.Error("no error")
			}
		})
	}
	s := short(time.Second, 1, 0.5, pool(1))
	if _, err := alone(&s, Proxy{Algorithm: "first"}, 1, Static{1}); err == nil {
		t.Error("no error for an algorithm that is not simulated")
	}
}

// With the real scorer in the loop, and reports.
func BenchmarkRunWithScorer(b *testing.B) {
	for _, s := range []Scenario{
		scenario("hetero", 1, 0.7, unequal()), scenario("hetero-K4", 4, 0.7, unequal()), scenario("two", 2, 0.7, pool(4, 4)),
	} {
		for _, p := range []Proxy{{Kind: KindHAProxy}, {Kind: KindEnvoy, Algorithm: scorer.LeastRequest}} {
			b.Run(fmt.Sprintf("%s/%s", s.Name, p), func(b *testing.B) {
				p := p.withDefaults()
				trace := newTrace(&s, 1)
				for b.Loop() {
					c, err := Trimtab().Policy().New(Setup{Scenario: &s, Proxy: p})
					if err != nil {
						b.Fatal(err)
					}
					if _, err := (&run{scenario: &s, seed: 1, by: []steered{{p, c}}, trace: trace}).do(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(len(trace)*b.N)/b.Elapsed().Seconds()/1e6, "Mrequests/s")
			})
		}
	}
}

func BenchmarkRun(b *testing.B) {
	hundred := pool(append(slices.Repeat([]float64{2}, 50), slices.Repeat([]float64{4}, 50)...)...)
	for _, s := range []Scenario{
		scenario("hetero", 1, 0.7, unequal()),
		scenario("hundred-K16", 16, 0.7, hundred).with(func(s *Scenario) { s.Demand = exponential(80 * time.Millisecond) }),
	} {
		for _, a := range Algorithms() {
			b.Run(fmt.Sprintf("%s/%s", s.Name, a), func(b *testing.B) {
				s.Duration = 90 * time.Second
				trace := newTrace(&s, 1)
				events := 0
				for b.Loop() {
					r, err := (&run{scenario: &s, seed: 1, by: []steered{{Proxy{Algorithm: a}, Static(s.OracleWeights())}}, trace: trace}).do()
					if err != nil {
						b.Fatal(err)
					}
					events += r.Events
				}
				b.ReportMetric(float64(events)/b.Elapsed().Seconds()/1e6, "Mevents/s")
			})
		}
	}
}
