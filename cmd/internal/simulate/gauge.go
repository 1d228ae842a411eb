package simulate

// gauge measures how busy backends are, as one who sees everything.
type gauge struct {
	scenario *Scenario
	used     []float64 // core-seconds at the last second
	taken    []float64 // by neighbours since then
	// utilization is that of the last second, neighbours included.
	utilization []float64
}

// Balance is how evenly work is spread. The zero value has seen nothing.
type Balance struct {
	// imbalance is of max over mean utilization, connections of max over mean
	// in flight.
	imbalance, connections timeMean
}

type timeMean struct {
	sum   float64
	count int
}

func (m *timeMean) add(value float64) {
	m.sum += value
	m.count++
}

// mean is 1 while there was nothing to spread.
func (m *timeMean) mean() float64 {
	if m.count == 0 {
		return 1
	}
	return m.sum / float64(m.count)
}

func newGauge(s *Scenario) gauge {
	n := len(s.Backends)
	return gauge{scenario: s, used: make([]float64, n), taken: make([]float64, n), utilization: make([]float64, n)}
}

func (g *gauge) tick(conditions []Condition) {
	for i := range conditions {
		g.taken[i] += conditions[i].Taken * Tick.Seconds()
	}
}

// second closes a second.
func (g *gauge) second(backends []queue, conditions []Condition) {
	for i := range backends {
		cores := g.scenario.Backends[i].Cores * conditions[i].Cores
		g.utilization[i] = (backends[i].used - g.used[i] + g.taken[i]) / cores
		g.used[i], g.taken[i] = backends[i].used, 0
	}
}

// Second adds a second of backends in those conditions, each of which was so busy
// and has so much in flight.
func (b *Balance) Second(conditions []Condition, of func(int) (utilization, inFlight float64)) {
	var load, held spread
	for i := range conditions {
		if !conditions[i].Out() {
			utilization, inFlight := of(i)
			load.add(utilization)
			held.add(inFlight)
		}
	}
	load.into(&b.imbalance)
	held.into(&b.connections)
}

// Imbalance is the mean over all seconds of max over mean utilization; 1 is none.
func (b *Balance) Imbalance() float64 { return b.imbalance.mean() }

// Connections is the like of what is in flight.
func (b *Balance) Connections() float64 { return b.connections.mean() }

// spread is the largest of some values and their sum.
type spread struct {
	largest, sum float64
	count        int
}

func (s *spread) add(value float64) {
	s.largest = max(s.largest, value)
	s.sum += value
	s.count++
}

func (s *spread) into(m *timeMean) {
	if s.sum > 0 {
		m.add(s.largest * float64(s.count) / s.sum)
	}
}
