package resource

import (
	"math"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Memory is what is served, as far as the plan does not say it: weights follow
// plans at a distance. It is plain data.
type Memory struct {
	// Policy and Bias are what the weights were made for.
	Policy Policy  `json:"policy"`
	Bias   float64 `json:"bias"`
	// Weights are those sent, by backend; who gets no new work has none.
	Weights map[string]int `json:"weights"`
	// Rounder is what they were rounded by, at Exponent.
	Rounder  scorer.RounderMemory `json:"rounder"`
	Exponent float64              `json:"exponent"`
	// Reported is that weights are made for backends that report utilization,
	// Unequal that they differ enough to be told apart.
	Reported bool `json:"reported,omitempty"`
	Unequal  bool `json:"unequal,omitempty"`
	// Odd is that the largest weight is one off, see [Envoy]; Filler is the weight
	// of those that get no new work.
	Odd    bool   `json:"odd,omitempty"`
	Filler uint32 `json:"filler,omitempty"`
}

// sane leaves out what was never sent.
func (m Memory) sane() Memory {
	weights := make(map[string]int, len(m.Weights))
	for name, w := range m.Weights {
		if w > 0 && w <= math.MaxUint32 {
			weights[name] = w
		}
	}
	m.Weights = weights
	m.Filler = min(m.Filler, finest)
	return m
}
