package realrun

import (
	"os"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/machine"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/stack"
)

// gauge measures how the work is spread, by what the backends know.
type gauge struct {
	scenario *simulate.Scenario
	at       time.Time
	busy     []float64 // core-seconds at the last second
	taken    []float64 // by neighbours since then
	balance  simulate.Balance
	holding  *simulate.Holding
	// open is the sum over the second's ticks of what is in flight.
	open    []float64
	ticks   int
	series  *simulate.Series
	proxies []machine.Meter
	own     machine.Meter
}

func newGauge(s *simulate.Scenario) gauge {
	n := len(s.Backends)
	g := gauge{
		scenario: s, holding: simulate.NewHolding(s), busy: make([]float64, n), taken: make([]float64, n), open: make([]float64, n),
		series: &simulate.Series{Backends: make([]simulate.BackendSeries, n)},
	}
	for i := range s.Backends {
		g.series.Backends[i].Name = s.Backends[i].Name
	}
	return g
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

func (g *gauge) tick(backends []*backend.Backend, conditions []simulate.Condition) {
	g.ticks++
	for i, b := range backends {
		g.taken[i] += conditions[i].Taken * simulate.Tick.Seconds()
		g.open[i] += inFlight(b.Totals())
	}
}

// inFlight is requests and connections.
func inFlight(t backend.Totals) float64 { return float64(t.OpenRequests + t.OpenSockets) }

// second closes the second that ends then, at whose end these weights are in force.
func (g *gauge) second(at time.Duration, backends []*backend.Backend, conditions []simulate.Condition, weights []float64) {
	utilizations, held := make([]float64, len(backends)), make([]float64, len(backends))
	now := time.Now()
	seconds, first := now.Sub(g.at).Seconds(), g.at.IsZero()
	if first {
		seconds = 1
	}
	g.at = now
	for i, b := range backends {
		totals := b.Totals()
		cores := g.scenario.Backends[i].Cores * conditions[i].Cores
		utilizations[i], held[i] = (totals.BusySeconds-g.busy[i]+g.taken[i])/seconds/cores, inFlight(totals)
		g.record(i, utilizations[i], weights[i])
		g.busy[i], g.taken[i], g.open[i] = totals.BusySeconds, 0, 0
	}
	g.ticks = 0
	of := func(i int) (utilization, inFlight float64) { return utilizations[i], held[i] }
	g.holding.Second(at, conditions, of)
	if at > g.scenario.Warmup && !first {
		g.balance.Second(conditions, of)
	}
}

// record keeps a second of a backend.
func (g *gauge) record(backend int, utilization, weight float64) {
	b := &g.series.Backends[backend]
	b.InFlight = append(b.InFlight, g.open[backend]/float64(max(g.ticks, 1)))
	b.Utilization = append(b.Utilization, utilization)
	b.Weight = append(b.Weight, weight)
}
