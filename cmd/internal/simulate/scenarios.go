package simulate

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Scenarios lists the standard scenarios. All but a few use requests with an
// exponential work of 20 ms.
func Scenarios() []Scenario {
	return slices.Concat(steady(), capacityChanges(), loadChanges(), waits(), membership(), failing(), reporting())
}

// Named returns the standard scenarios of those names, in that order; without
// names, all.
func Named(names ...string) ([]Scenario, error) {
	all := Scenarios()
	if len(names) == 0 {
		return all, nil
	}
	out := make([]Scenario, 0, len(names))
	for _, name := range names {
		i := slices.IndexFunc(all, func(s Scenario) bool { return s.Name == name })
		if i < 0 {
			var known []string
			for _, s := range all {
				known = append(known, s.Name)
			}
			return nil, fmt.Errorf("scenario %q: unknown; known are %v", name, known)
		}
		out = append(out, all[i])
	}
	return out, nil
}

const meanWork = 20 * time.Millisecond

func unequal() []Backend { return pool(8, 8, 4, 4, 2) }

func pool(cores ...float64) []Backend {
	out := make([]Backend, len(cores))
	for i, c := range cores {
		out[i] = Backend{Name: fmt.Sprintf("s%03d", i+1), Cores: c, Speed: 1}
	}
	return out
}

// scenario is one with the defaults: a minute not counted, three counted.
func scenario(name string, proxies int, load float64, backends []Backend) Scenario {
	return Scenario{
		Name: name, Backends: backends, Proxies: proxies,
		Demand: Exponential(meanWork),
		Load:   func(time.Duration) float64 { return load },
		Warmup: time.Minute, Duration: 4 * time.Minute,
		Reports: DefaultReports(),
	}
}

func (s Scenario) with(change func(*Scenario)) Scenario {
	s.Backends = slices.Clone(s.Backends)
	change(&s)
	return s
}

func steady() []Scenario {
	video := func(s *Scenario) {
		s.Demand, s.Warmup, s.Duration = Video(), 3*time.Minute, 15*time.Minute
	}
	slow := func(s *Scenario) { s.Backends[0].Speed = 0.5 }
	far := func(s *Scenario) { s.Backends[0].Distance = 30 * time.Millisecond }
	out := []Scenario{
		scenario("uniform", 1, 0.7, pool(4, 4, 4, 4, 4)),
		scenario("hetero", 1, 0.7, unequal()),
		scenario("slow-node", 4, 0.8, pool(4, 4, 4, 4, 4)).with(slow),
		scenario("slow-light", 4, 0.25, pool(4, 4, 4, 4, 4)).with(slow),
		scenario("far", 4, 0.6, pool(4, 4, 4, 4, 4)).with(far),
		scenario("far-light", 4, 0.2, pool(4, 4, 4, 4, 4)).with(far),
		scenario("two", 2, 0.7, pool(4, 4)),
		scenario("two-hetero", 2, 0.7, pool(6, 2)),
		scenario("video", 1, 0.7, pool(4, 4, 8)).with(video),
		scenario("video-K16", 16, 0.7, pool(4, 4, 8)).with(video),
		scenario("low-traffic", 2, 0.5, unequal()).with(func(s *Scenario) {
			s.Demand, s.Warmup, s.Duration = Exponential(5200*time.Millisecond), 10*time.Minute, 30*time.Minute
		}),
		scenario("hundred-K16", 16, 0.7, hundred()).with(func(s *Scenario) {
			s.Demand = Exponential(80 * time.Millisecond)
		}),
		// Every request counts from the first one on: what it costs to learn.
		scenario("boot60", 4, 0.7, unequal()).with(func(s *Scenario) {
			s.Warmup, s.Duration = 0, time.Minute
		}),
	}
	for _, proxies := range []int{2, 4, 8, 16, 32} {
		out = append(out, scenario(fmt.Sprintf("hetero-K%d", proxies), proxies, 0.7, unequal()))
	}
	return out
}

func hundred() []Backend {
	return pool(append(slices.Repeat([]float64{2}, 50), slices.Repeat([]float64{4}, 50)...)...)
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
