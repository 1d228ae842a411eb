package observation

import "math"

// mean is a weighted mean in which what is older counts less. It is NaN while empty.
type mean struct{ sum, weight float64 }

// fade makes all that was added count for so much less.
func (m *mean) fade(keep float64) {
	m.sum *= keep
	m.weight *= keep
}

func (m *mean) add(value, weight float64) {
	if !math.IsNaN(value) && !math.IsInf(value, 0) && weight > 0 {
		m.sum += value * weight
		m.weight += weight
	}
}

func (m *mean) value() float64 { return m.sum / m.weight }
