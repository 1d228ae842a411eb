package simulate

import (
	"math"
	"math/rand/v2"
)

// meter measures backends' utilization and delivers their reports.
type meter struct {
	scenario *Scenario
	random   *rand.Rand
	used     []float64 // core-seconds at the last report
	taken    []float64 // by neighbours since then
	sent     [][]float64
	// arrived is the report of this second for each backend, NaN without one.
	arrived []float64
}

func newMeter(s *Scenario, seed uint64) meter {
	n := len(s.Backends)
	m := meter{
		scenario: s, random: stream(seed, streamReports),
		used: make([]float64, n), taken: make([]float64, n), arrived: make([]float64, n),
	}
	m.clear()
	return m
}

// clear takes the reports away that have been read.
func (m *meter) clear() {
	for i := range m.arrived {
		m.arrived[i] = math.NaN()
	}
}

// read is called every tick; reports go out, and arrive, once a second.
func (m *meter) read(backends []queue, conditions []Condition, second bool) {
	r := m.scenario.Reports
	if r == nil {
		return
	}
	for i := range conditions {
		m.taken[i] += conditions[i].Taken * Tick.Seconds()
	}
	if !second {
		return
	}
	out := make([]float64, len(backends))
	for i := range backends {
		b := &m.scenario.Backends[i]
		value := backends[i].used - m.used[i]
		if !r.HideNeighbour {
			value += m.taken[i]
		}
		m.used[i], m.taken[i] = backends[i].used, 0
		value *= max(1+r.Noise*m.random.NormFloat64(), 0) / b.Cores
		if b.Claim != nil {
			value = b.Claim(value)
		}
		if lost := m.random.Float64() < r.Missing; lost || conditions[i].Down {
			value = math.NaN()
		}
		out[i] = value
	}
	m.sent = append(m.sent, out)
	if len(m.sent) > r.Late {
		copy(m.arrived, m.sent[0])
		m.sent = m.sent[1:]
	}
}
