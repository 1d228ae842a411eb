package simulate

import (
	"math"
	"math/rand/v2"
)

// meter measures what backends report of themselves and delivers it.
type meter struct {
	scenario *Scenario
	random   *rand.Rand
	own      []own
	ticks    int
	sent     []delivery
	// arrived is the newest report of this step for each backend; its
	// Utilization is NaN without one.
	arrived []Load
}

// own is what a backend knows of itself since its last report.
type own struct {
	used              float64 // core-seconds at the last report
	taken             float64 // by neighbours since then
	completed, failed int
	inFlight          int
	last              Load
}

// delivery is all backends' reports of one time.
type delivery struct {
	tick  int
	loads []Load
}

func newMeter(s *Scenario, seed uint64) meter {
	n := len(s.Backends)
	m := meter{
		scenario: s, random: stream(seed, streamReports),
		own: make([]own, n), arrived: make([]Load, n),
	}
	for i := range m.own {
		m.own[i].last = noLoad()
	}
	m.clear()
	return m
}

func noLoad() Load { return Load{Utilization: math.NaN()} }

// clear takes the reports away that have been read.
func (m *meter) clear() {
	for i := range m.arrived {
		m.arrived[i] = noLoad()
	}
}

func (m *meter) start(backend int) { m.own[backend].inFlight++ }

func (m *meter) leave(backend int) { m.own[backend].inFlight-- }

// done is a request or a message that was answered.
func (m *meter) done(backend int, failed bool) {
	o := &m.own[backend]
	o.completed++
	if failed {
		o.failed++
	}
}

// read is called every tick.
func (m *meter) read(backends []queue, conditions []Condition) {
	r := m.scenario.Reports
	if r == nil {
		return
	}
	m.ticks++
	for i := range conditions {
		if !conditions[i].Hidden && !r.HideNeighbour {
			m.own[i].taken += conditions[i].Taken * Tick.Seconds()
		}
	}
	if m.ticks%r.period() == 0 {
		out := delivery{m.ticks + r.delay(), make([]Load, len(backends))}
		for i := range backends {
			out.loads[i] = m.report(i, &backends[i], &conditions[i])
		}
		m.sent = append(m.sent, out)
	}
	for len(m.sent) > 0 && m.sent[0].tick <= m.ticks {
		for i, l := range m.sent[0].loads {
			if !math.IsNaN(l.Utilization) {
				m.arrived[i] = l
			}
		}
		m.sent = m.sent[1:]
	}
}

// report is what a backend says; noLoad when nothing arrives.
func (m *meter) report(backend int, q *queue, c *Condition) Load {
	r, b, o := m.scenario.Reports, &m.scenario.Backends[backend], &m.own[backend]
	seconds := float64(r.period()) * Tick.Seconds()
	l := Load{
		Utilization: (q.used - o.used + o.taken) / seconds / (b.Cores * c.Cores),
		Completed:   float64(o.completed) / seconds, Failed: float64(o.failed) / seconds, InFlight: float64(o.inFlight),
	}
	*o = own{used: q.used, inFlight: o.inFlight, last: o.last}
	l.Utilization *= max(1+r.Noise*m.random.NormFloat64(), 0) * c.Claim
	if b.Claim != nil {
		l.Utilization = b.Claim(l.Utilization)
	}
	lost := m.random.Float64() < r.Missing
	switch c.Report {
	case ReportZero:
		l.Utilization = 0
	case ReportFull:
		l.Utilization = 1
	case ReportFrozen:
		l = o.last
	default:
		o.last = l
	}
	if lost || c.Report == ReportStop || c.Away() || c.Hanging {
		return noLoad()
	}
	return l
}
