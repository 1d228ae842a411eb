package simulate

import (
	"math"
	"time"
)

// Oracle gives the weights that one who knows the capacities would set, for
// ever.
func Oracle() Policy { return oracle("oracle", 1) }

// Omniscient is Oracle under the name that users know.
func Omniscient() Policy { return oracle("omniscient", 1) }

func oracle(name string, exponent float64) Policy {
	return Policy{Name: name, New: func(s Setup) (Controller, error) {
		return Static(weightsOf(s.Scenario.known(), exponent, s.Proxy.oracleLargest())), nil
	}}
}

// OmniscientBest is the best of the capacities' powers from a half to two: what
// share a proxy makes of a weight depends on its algorithm.
func OmniscientBest() Policy {
	const steps = 6
	best := Policy{Name: "omniscient-best"}
	for i := range steps + 1 {
		best.Variants = append(best.Variants, oracle(best.Name, math.Pow(4, float64(i)/steps)/2))
	}
	return best
}

// Truth gives the true capacities of the moment, each second.
func Truth() Policy {
	return Policy{Name: "truth", New: func(s Setup) (Controller, error) {
		return &truth{setup: s, weights: weightsOf(orOnes(s.Scenario.Capacities(0)), 1, s.Proxy.oracleLargest())}, nil
	}}
}

type truth struct {
	setup   Setup
	weights []int
}

func (t *truth) Start() Steering { return Steering{Weights: t.weights} }

func (t *truth) Step(now time.Duration, _ []Sample) Steering {
	t.weights = weightsOf(orOnes(t.setup.Scenario.Capacities(now)), 1, t.setup.Proxy.oracleLargest())
	return t.Start()
}

// orOnes is equal weights when nobody can do anything.
func orOnes(capacities []float64) []float64 {
	for _, c := range capacities {
		if c > 0 {
			return capacities
		}
	}
	for i := range capacities {
		capacities[i] = 1
	}
	return capacities
}
