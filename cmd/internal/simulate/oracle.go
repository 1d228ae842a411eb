package simulate

import (
	"math"
	"slices"
	"time"
)

// oracleLargest is the oracle's largest weight. With larger ones leastconn's
// integer key can no longer tell one request in flight on a full-weight backend
// from one on a backend of three quarters: (1+1)·256/w is 2 for both.
const oracleLargest = 192

// Capacities returns what each backend can truly do at one time, in work per
// second; 0 for one that gets no work, hangs, or fails all.
func (s *Scenario) Capacities(t time.Duration) []float64 {
	out := make([]float64, len(s.Backends))
	for i := range s.Backends {
		c := s.Condition(i, t)
		out[i] = s.Backends[i].capacity(&c)
	}
	return out
}

func (b *Backend) capacity(c *Condition) float64 {
	if c.Out() || c.Hanging {
		return 0
	}
	return max(b.Cores*c.Cores-c.Taken, 0) * b.Speed * c.Speed * (1 - c.Errors)
}

// OracleWeights returns the fixed weights, 0..256, of one who knows the
// capacities.
func (s *Scenario) OracleWeights() []int {
	return weightsOf(s.known(), 1, oracleLargest)
}

func (s *Scenario) known() []float64 {
	if s.Oracle != nil {
		return s.Oracle
	}
	return s.meanCapacities()
}

// weightsOf turns capacities to a power into integers; 0 stays 0.
func weightsOf(capacities []float64, exponent float64, largest int) []int {
	most := slices.Max(capacities)
	weights := make([]int, len(capacities))
	for i, c := range capacities {
		if c > 0 {
			weights[i] = max(1, int(math.Round(float64(largest)*math.Pow(c/most, exponent))))
		}
	}
	return weights
}

// meanCapacities is the mean of what each backend can do while it does anything.
func (s *Scenario) meanCapacities() []float64 {
	known := make([]float64, len(s.Backends))
	ticks := make([]int, len(s.Backends))
	for t := time.Duration(0); t < s.Duration; t += Tick {
		for i, c := range s.Capacities(t) {
			if c > 0 {
				known[i] += c
				ticks[i]++
			}
		}
	}
	for i := range known {
		known[i] /= float64(max(ticks[i], 1))
	}
	return known
}
