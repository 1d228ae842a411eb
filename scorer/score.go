package scorer

import (
	"maps"
	"math"
	"slices"
)

// scoreMaker computes how busy every backend is for its capacity:
//
//	S_i = Σ_s k_s · (a_si/C_i) / (Σ_j a_sj / Σ_j C_j)  /  Σ_s k_s
//
// where a is the amount of a signal on a backend: the count for connections,
// and share·C for signals that are shares of a capacity already (cpu, memory,
// utilization, named metrics), these through a moving average. C is the capacity
// as it is known now: the law's where it has learned one, the configured one
// otherwise. Each signal is a multiple of the pool's mean per capacity, so that 1
// is a fair share, and signals of different units can be added: in a raw sum of
// connections and cpu percent the hundreds drown the tens, and with hosts of
// unequal size the small ones are always overloaded (max/mean 2.3).
type scoreMaker struct {
	signals []scoreSignal
	// capacities and, for each signal, values are one step's, in the order of the
	// backends; out and weights are what is made of them.
	capacities   []float64
	values       [][]float64
	multiples    [][]float64
	out, weights []float64
}

// ScoreTerm is what one signal adds to a score.
type ScoreTerm struct {
	// Signal is its name and Coefficient how much it counts.
	Signal      string
	Coefficient float64
	// Value is what is known of the backend: a count for connections, else a share of
	// its capacity, averaged. Multiple is that per capacity over the pool's mean: 1 is
	// a fair share. Both are NaN for what the backend does not tell, and the multiple
	// where nobody has any of it; that term counts for nothing then.
	Value, Multiple float64
}

type scoreSignal struct {
	name        string
	coefficient float64
	count       bool // a number of things, not a share of a capacity
}

func newScoreMaker(coefficients map[string]float64) scoreMaker {
	var s scoreMaker
	for _, name := range slices.Sorted(maps.Keys(coefficients)) {
		if k := coefficients[name]; k > 0 {
			s.signals = append(s.signals, scoreSignal{name, k, name == signalConnections})
		}
	}
	s.values = make([][]float64, len(s.signals))
	s.multiples = make([][]float64, len(s.signals))
	return s
}

const signalConnections = "connections"

func (m *merged) signal(name string) float64 {
	switch name {
	case signalConnections:
		return m.inFlight
	case "cpu":
		if math.IsNaN(m.cpu) {
			return m.utilization
		}
		return m.cpu
	case "memory":
		return m.memory
	case "utilization":
		return m.utilization
	default:
		if value, ok := m.named[name]; ok {
			return value
		}
		return math.NaN()
	}
}

// begin starts a step.
func (s *scoreMaker) begin() {
	s.capacities = s.capacities[:0]
	for k := range s.values {
		s.values[k] = s.values[k][:0]
	}
}

// note takes signal k of the next backend, NaN for one that it does not have.
func (s *scoreMaker) note(k int, value float64) { s.values[k] = append(s.values[k], value) }

// add takes the capacity of the next backend.
func (s *scoreMaker) add(capacity float64) { s.capacities = append(s.capacities, capacity) }

// scores returns one score for each backend that was added; NaN where no signal of
// it is known. A signal that one backend lacks is left out of that backend's score
// alone. The slice is good until the next step.
func (s *scoreMaker) scores() []float64 {
	s.out = slices.Grow(s.out[:0], len(s.capacities))[:len(s.capacities)]
	s.weights = slices.Grow(s.weights[:0], len(s.capacities))[:len(s.capacities)]
	clear(s.out)
	clear(s.weights)
	for k := range s.signals {
		s.multiples[k] = s.multiplesOf(k)
		for i, multiple := range s.multiples[k] {
			if !math.IsNaN(multiple) {
				s.out[i] += s.signals[k].coefficient * multiple
				s.weights[i] += s.signals[k].coefficient
			}
		}
	}
	for i := range s.out {
		s.out[i] /= s.weights[i] // NaN for 0/0
	}
	return s.out
}

// terms are what the scores are made of, all of one backend's after all of another's.
// It is to be called after scores.
func (s *scoreMaker) terms() []ScoreTerm {
	out := make([]ScoreTerm, 0, len(s.capacities)*len(s.signals))
	for i := range s.capacities {
		for k := range s.signals {
			out = append(out, ScoreTerm{
				Signal: s.signals[k].name, Coefficient: s.signals[k].coefficient,
				Value: s.values[k][i], Multiple: s.multiples[k][i],
			})
		}
	}
	return out
}

// multiplesOf are a signal's per capacity over the pool's mean.
func (s *scoreMaker) multiplesOf(k int) []float64 {
	count, values := s.signals[k].count, s.values[k]
	out := append(s.multiples[k][:0], values...)
	var amount, capacity float64
	for i, value := range values {
		if math.IsNaN(value) {
			continue
		}
		if !count {
			value *= s.capacities[i]
		}
		amount += value
		capacity += s.capacities[i]
	}
	for i := range out {
		if count {
			out[i] /= s.capacities[i]
		}
		out[i] *= capacity / amount
		if !(amount > 0) {
			out[i] = math.NaN()
		}
	}
	return out
}

// imbalance is the highest score over the mean, of those in service; NaN without any.
func (p *Pool) imbalance(scores []float64) float64 {
	var sum, count, highest float64
	for i, s := range scores {
		if !math.IsNaN(s) && p.members[i].serving {
			sum, count, highest = sum+s, count+1, max(highest, s)
		}
	}
	if count == 0 || sum == 0 {
		return math.NaN()
	}
	return highest / (sum / count)
}
