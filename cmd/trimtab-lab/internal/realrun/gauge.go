package realrun

import (
	"context"
	"os"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/machine"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/stack"
)

// gauge measures how evenly the work is spread, by what the backends know, and
// how often weights change.
type gauge struct {
	scenario *simulate.Scenario
	at       time.Time
	busy     []float64 // core-seconds at the last second
	taken    []float64 // by neighbours since then
	// imbalance is of max over mean utilization, connections of max over mean open.
	imbalance, connections timeMean
	inForce                map[string]int
	pushes                 int
	proxies                []machine.Meter
	own                    machine.Meter
}

type timeMean struct {
	sum   float64
	count int
}

// mean is 1 while there was nothing to spread.
func (m timeMean) mean() float64 {
	if m.count == 0 {
		return 1
	}
	return m.sum / float64(m.count)
}

func newGauge(s *simulate.Scenario) gauge {
	n := len(s.Backends)
	return gauge{scenario: s, busy: make([]float64, n), taken: make([]float64, n)}
}

// measure begins to count processor time.
func (g *gauge) measure(stacks []*stack.Stack) {
	g.own = machine.NewMeter(os.Getpid())
	for _, s := range stacks {
		g.proxies = append(g.proxies, machine.NewMeter(s.Proxy.PID()))
	}
}

// cores are those used since measure by the proxies together, and by this process
// for everybody; NaN where the system does not tell.
func (g *gauge) cores() (proxies, own float64) {
	for _, m := range g.proxies {
		proxies += m.Cores()
	}
	return proxies, g.own.Cores()
}

func (g *gauge) tick(conditions []simulate.Condition) {
	for i := range conditions {
		g.taken[i] += conditions[i].Taken * simulate.Tick.Seconds()
	}
}

// second closes a second.
func (g *gauge) second(backends []*backend.Backend, conditions []simulate.Condition, counted bool) {
	var load, open spread
	now := time.Now()
	seconds := now.Sub(g.at).Seconds()
	first := g.at.IsZero()
	g.at = now
	for i, b := range backends {
		totals := b.Totals()
		cores := g.scenario.Backends[i].Cores * conditions[i].Cores
		utilization := (totals.BusySeconds - g.busy[i] + g.taken[i]) / seconds / cores
		g.busy[i], g.taken[i] = totals.BusySeconds, 0
		if !out(&conditions[i]) {
			load.add(utilization)
			open.add(float64(totals.OpenRequests))
		}
	}
	if counted && !first {
		load.into(&g.imbalance)
		open.into(&g.connections)
	}
}

// weights counts changes of the weights in force, of which the proxies after the
// first have the same. A change to or from 0 is a backend that goes or comes back,
// or one that is let work for a moment. A look that fails misses changes that the
// next one sees.
func (g *gauge) weights(ctx context.Context, s *stack.Stack, counted bool) {
	servers, err := s.Proxy.Servers(ctx)
	if err != nil {
		return
	}
	before := g.inForce
	g.inForce = make(map[string]int, len(servers))
	for _, one := range servers {
		g.inForce[one.Name] = one.Weight
		if was := before[one.Name]; counted && was > 0 && one.Weight > 0 && one.Weight != was {
			g.pushes++
		}
	}
}

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
		m.sum += s.largest * float64(s.count) / s.sum
		m.count++
	}
}
