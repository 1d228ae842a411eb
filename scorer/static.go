package scorer

import "time"

// static shares by the configured capacities: what every pool starts from and
// falls back to.
type static struct{ weights []float64 }

// Weights implements Law.
func (s *static) Weights(_ time.Time, in []Observation) []float64 {
	s.weights = s.weights[:0]
	for i := range in {
		s.weights = append(s.weights, in[i].Capacity)
	}
	return s.weights
}
