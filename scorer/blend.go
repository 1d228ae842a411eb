package scorer

import "math"

// blend replaces the utilization that goals of connections are made from by what the
// score says of load, where it is configured to look at more than CPU: each signal as
// a multiple of the pool's mean, by its coefficient, and all of it times the mean
// utilization. A dear connection may be dear in something else than CPU.
func (p *Pool) blend(in []Observation) {
	if !p.maker.further() {
		return
	}
	var used, capacity float64
	for i := range in {
		if !math.IsNaN(in[i].Utilization) {
			used += in[i].Capacity * in[i].Utilization
			capacity += in[i].Capacity
		}
	}
	if !(used > 0) {
		return
	}
	sums, weights := make([]float64, len(in)), make([]float64, len(in))
	for k := range p.maker.signals {
		if s := &p.maker.signals[k]; !s.count {
			p.blendSignal(s, in, sums, weights)
		}
	}
	for i := range in {
		if weights[i] > 0 {
			in[i].Utilization = sums[i] / weights[i] * used / capacity
		}
	}
}

func (p *Pool) blendSignal(s *scoreSignal, in []Observation, sums, weights []float64) {
	var amount, capacity float64
	for i, m := range p.members {
		if v := m.now.signal(s.name); !math.IsNaN(v) {
			amount += in[i].Capacity * v
			capacity += in[i].Capacity
		}
	}
	if !(amount > 0) {
		return
	}
	for i, m := range p.members {
		if v := m.now.signal(s.name); !math.IsNaN(v) {
			sums[i] += s.coefficient * v * capacity / amount
			weights[i] += s.coefficient
		}
	}
}

// further says whether the score looks at more than connections and CPU.
func (s *scoreMaker) further() bool {
	for i := range s.signals {
		switch s.signals[i].name {
		case signalConnections, "cpu", "utilization":
		default:
			return true
		}
	}
	return false
}
