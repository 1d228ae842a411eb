package simulate

import "time"

func waits() []Scenario {
	return []Scenario{
		scenario("io-hetero", 4, 0.8, unequal()).with(func(s *Scenario) {
			s.Demand = WithWait(s.Demand, 500*time.Millisecond, 1)
		}),
		scenario("mixed-io", 4, 0.75, unequal()).with(func(s *Scenario) {
			s.Demand = WithWait(s.Demand, 800*time.Millisecond, 0.3)
		}),
		scenario("io-stuck", 4, 0.6, pool(4, 4, 4, 4, 4)).with(func(s *Scenario) {
			s.Demand = WithWait(s.Demand, 50*time.Millisecond, 1)
			s.Backends[0].Condition = during(2*time.Minute, forever, func(c *Condition) { c.Wait = 5 })
		}),
	}
}

func membership() []Scenario {
	equal := []float64{1, 1, 1, 1, 1}
	// cold is a backend that is down for a while and slow for 10 s after it.
	cold := func(down, up time.Duration) func(time.Duration) Condition {
		return func(t time.Duration) Condition {
			c := Healthy()
			c.Down = t >= down && t < up
			if t >= up && t < up+10*time.Second {
				c.Speed = 0.3
			}
			return c
		}
	}
	return []Scenario{
		scenario("scale-out", 4, 0, pool(4, 4, 4, 4, 4)).with(func(s *Scenario) {
			s.Oracle = equal
			s.Backends[4].Condition = cold(0, 2*time.Minute)
			s.Load = Steps(Point{0, 0.65 * 4 / 5}, Point{2 * time.Minute, 0.65 * 4 / 5 * 1.33})
		}),
		scenario("restart", 4, 0.65, pool(4, 4, 4, 4, 4)).with(func(s *Scenario) {
			s.Oracle = equal
			s.Backends[0].Condition = cold(100*time.Second, 110*time.Second)
		}),
	}
}

func failing() []Scenario {
	fail := func(c *Condition) { c.Errors = 1 }
	return []Scenario{
		scenario("fail-fast", 1, 0.6, pool(4, 4, 4, 4, 4)).with(func(s *Scenario) {
			s.Warmup = 0
			s.Backends[0].Condition = during(0, forever, fail)
		}),
		scenario("fail-fast-30s", 2, 0.6, pool(4, 4, 4, 4, 4)).with(func(s *Scenario) {
			s.Oracle = []float64{1, 1, 1, 1, 1}
			s.Backends[0].Condition = during(90*time.Second, 150*time.Second, fail)
		}),
	}
}

func reporting() []Scenario {
	return []Scenario{
		scenario("missing-20", 4, 0.7, unequal()).with(func(s *Scenario) { s.Reports.Missing = 0.2 }),
		scenario("liar-zero", 4, 0.7, unequal()).with(func(s *Scenario) {
			s.Backends[4].Claim = func(float64) float64 { return 0 }
		}),
		scenario("liar-fifth", 4, 0.7, pool(4, 4, 4, 4, 4)).with(func(s *Scenario) {
			s.Backends[0].Claim = func(u float64) float64 { return u / 5 }
		}),
		scenario("noise20", 4, 0.7, unequal()).with(func(s *Scenario) { s.Reports.Noise = 0.2 }),
		scenario("late5", 4, 0.7, unequal()).with(func(s *Scenario) { s.Reports.Delay = 5 * time.Second }),
		scenario("antagonist-own", 4, 0.65, pool(4, 4, 4, 4, 4)).with(func(s *Scenario) {
			s.Reports.HideNeighbour = true
			wander(s)
		}),
	}
}
