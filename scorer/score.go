package scorer

import "math"

// scoreMaker computes how busy every backend is for its capacity:
//
//	S_i = Σ_s k_s · (a_si/C_i) / (Σ_j a_sj / Σ_j C_j)  /  Σ_s k_s
//
// where a is the amount of a signal on a backend: the count for connections,
// and share·C for signals that are shares of a capacity already (cpu, memory,
// utilization, named metrics), these through a moving average. Each signal is
// a multiple of the pool's mean per capacity, so that 1 is a fair share, and
// signals of different units can be added: in a raw sum of connections and cpu
// percent the hundreds drown the tens, and with hosts of unequal size the small
// ones are always overloaded (max/mean 2.3).
type scoreMaker struct {
	signals []scoreSignal
}

type scoreSignal struct {
	name        string
	coefficient float64
}

// smoothedSignals is one backend's moving averages, parallel to
// scoreMaker.signals.
type smoothedSignals []average

func (s *scoreMaker) newSmoothed(window float64) smoothedSignals {
	out := make(smoothedSignals, len(s.signals))
	for i := range out {
		out[i] = newAverage(window)
	}
	return out
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

// scoreInput is one backend's smoothed signals and its capacity.
type scoreInput struct {
	capacity float64
	signals  []float64
}

// scores fills out with one score for each backend; NaN where no signal of it
// is known. A signal that one backend lacks is left out of that backend's score
// alone.
func (s *scoreMaker) scores(in []scoreInput, out []float64) {
	for i := range out {
		out[i] = 0
	}
	weights := make([]float64, len(in))
	for k := range s.signals {
		s.addSignal(k, in, out, weights)
	}
	for i := range out {
		if weights[i] == 0 {
			out[i] = math.NaN()
			continue
		}
		out[i] /= weights[i]
	}
}

func (s *scoreMaker) addSignal(k int, in []scoreInput, out, weights []float64) {
	count := s.signals[k].name == signalConnections
	var amount, capacity float64
	for i := range in {
		value := in[i].signals[k]
		if math.IsNaN(value) {
			continue
		}
		if !count {
			value *= in[i].capacity
		}
		amount += value
		capacity += in[i].capacity
	}
	if !(amount > 0) {
		return
	}
	for i := range in {
		value := in[i].signals[k]
		if math.IsNaN(value) {
			continue
		}
		if count {
			value /= in[i].capacity
		}
		out[i] += s.signals[k].coefficient * value * capacity / amount
		weights[i] += s.signals[k].coefficient
	}
}

// imbalance is the highest score over the mean; NaN without any.
func imbalance(scores []float64) float64 {
	var sum, count, highest float64
	for _, s := range scores {
		if !math.IsNaN(s) {
			sum, count, highest = sum+s, count+1, max(highest, s)
		}
	}
	if count == 0 || sum == 0 {
		return math.NaN()
	}
	return highest / (sum / count)
}
