package simulate

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

const meanWork = 20 * time.Millisecond

func unequal() []Backend { return pool(8, 8, 4, 4, 2) }

func pool(cores ...float64) []Backend {
	out := make([]Backend, len(cores))
	for i, c := range cores {
		out[i] = Backend{Name: fmt.Sprintf("s%03d", i+1), Cores: c, Speed: 1}
	}
	return out
}

// scenario has requests with an exponential work of meanWork: a minute not counted, three
// counted.
func scenario(name string, proxies int, load float64, backends []Backend) Scenario {
	return Scenario{
		Name: name, Backends: backends, Proxies: proxies,
		Demand: exponential(meanWork), Load: level(load),
		Warmup: time.Minute, Duration: 4 * time.Minute,
		Reports: DefaultReports(),
	}
}

func (s Scenario) with(change func(*Scenario)) Scenario {
	s.Backends = slices.Clone(s.Backends)
	change(&s)
	return s
}

// during calls change on a healthy condition while from <= t < to.
func during(from, to time.Duration, change func(*Condition)) func(time.Duration) Condition {
	return func(t time.Duration) Condition {
		c := Healthy()
		if t >= from && t < to {
			change(&c)
		}
		return c
	}
}

const forever = time.Duration(math.MaxInt64)

func slowNode() Scenario {
	return scenario("slow-node", 4, 0.8, pool(4, 4, 4, 4, 4)).with(func(s *Scenario) { s.Backends[0].Speed = 0.5 })
}

// neighbours take two cores of one host and one of another.
func neighbours() Scenario {
	return scenario("neighbour", 4, 0.6, pool(4, 4, 4, 4, 4)).with(func(s *Scenario) {
		for i, cores := range []float64{2, 1} {
			s.Backends[i].Condition = during(0, forever, func(c *Condition) { c.Taken = cores })
		}
	})
}

// slowsDown has one host at half its speed for the second half.
func slowsDown() Scenario {
	return scenario("step", 4, 0.65, pool(4, 4, 4, 4, 4)).with(func(s *Scenario) {
		s.Backends[0].Condition = during(2*time.Minute, forever, func(c *Condition) { c.Speed = 0.5 })
	})
}

// judged are the verdicts on policies in one scenario behind one proxy.
func judged(t *testing.T, s Scenario, p Proxy, seeds []uint64, policies ...Policy) []Verdict {
	t.Helper()
	verdicts, err := Play(context.Background(), []Match{{Scenario: s, Proxy: p, Seeds: seeds, Policies: policies}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return verdicts[0]
}

// regret is the median over the seeds.
func (v *Verdict) regret() float64 { return *v.figures().Regret }

// alone is one controller by one trace, recorded the same with the result's Series.
func alone(s *Scenario, p Proxy, seed uint64, c Controller) (Result, error) {
	return of(s, p, seed, c, false)
}

func recorded(s *Scenario, p Proxy, seed uint64, c Controller) (Result, error) {
	return of(s, p, seed, c, true)
}

func of(s *Scenario, p Proxy, seed uint64, c Controller, record bool) (Result, error) {
	if err := s.check(); err != nil {
		return Result{}, err
	}
	return (&run{scenario: s, seed: seed, by: []steered{{p, c}}, trace: newTrace(s, seed), record: record}).do()
}
