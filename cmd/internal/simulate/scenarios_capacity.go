package simulate

import (
	"math"
	"time"
)

func capacityChanges() []Scenario {
	equal := pool(4, 4, 4, 4, 4)
	taken := func(cores float64) func(time.Duration) Condition {
		return during(0, forever, func(c *Condition) { c.Taken = cores })
	}
	return []Scenario{
		scenario("neighbour", 4, 0.6, equal).with(func(s *Scenario) {
			s.Backends[0].Condition, s.Backends[1].Condition = taken(2), taken(1)
		}),
		scenario("antagonist", 4, 0.65, equal).with(wander),
		scenario("step", 4, 0.65, equal).with(func(s *Scenario) {
			s.Backends[0].Condition = during(2*time.Minute, forever, func(c *Condition) { c.Speed = 0.5 })
		}),
		scenario("oscillate", 4, 0.65, equal).with(func(s *Scenario) {
			for i, sign := range []float64{1, -1} {
				s.Backends[i].Condition = func(t time.Duration) Condition {
					c := Healthy()
					c.Speed = 0.75 + sign*0.25*math.Sin(2*math.Pi*t.Seconds()/20)
					return c
				}
			}
		}),
	}
}

// wander has two cores of one host taken by a neighbour, and after every 30 s of
// the next host.
func wander(s *Scenario) {
	s.Oracle = []float64{1, 1, 1, 1, 1}
	for i := range s.Backends {
		s.Backends[i].Condition = func(t time.Duration) Condition {
			c := Healthy()
			if int(t/(30*time.Second))%len(s.Backends) == i {
				c.Taken = 2
			}
			return c
		}
	}
}

func loadChanges() []Scenario {
	daily := func(t time.Duration) float64 {
		return 0.55 + 0.35*math.Sin(2*math.Pi*t.Seconds()/180)
	}
	return []Scenario{
		scenario("diurnal", 4, 0, unequal()).with(func(s *Scenario) { s.Load = daily }),
		scenario("slow-diurnal", 4, 0, pool(4, 4, 4, 4, 4)).with(func(s *Scenario) {
			s.Backends[0].Speed = 0.5
			s.Load = daily
		}),
		scenario("cliff", 4, 0, unequal()).with(func(s *Scenario) {
			s.Load = Steps(Point{0, 0.1}, Point{2 * time.Minute, 0.85})
		}),
		// A distant backend loses weight while nothing is congested, and is short
		// of it when the load jumps: the latency law's weakest side.
		scenario("far-cliff", 4, 0, pool(4, 4, 4, 4, 4)).with(func(s *Scenario) {
			s.Backends[0].Distance = 30 * time.Millisecond
			s.Load = Steps(Point{0, 0.1}, Point{2 * time.Minute, 0.85})
		}),
		scenario("overload", 4, 0, unequal()).with(func(s *Scenario) {
			s.Load = Steps(Point{0, 0.7}, Point{150 * time.Second, 1.1}, Point{170 * time.Second, 0.7})
		}),
		scenario("mixshift", 4, 0.35, unequal()).with(func(s *Scenario) {
			s.Demand = Shifted(s.Demand, 150*time.Second, 2)
		}),
	}
}
