package scorer

import (
	"math"
	"time"
)

const (
	// leastIdle is what agents say when nothing is idle: 0 % would take the
	// server out of use.
	leastIdle = 1
	// idleSmoothing is the part of the newest second in an agent's average, as
	// good agents take one. Without it, weights chase their own effect: beside
	// HAProxy's leastconn, p99 on unequal machines is 11 times the known
	// capacities' instead of 1.03.
	idleSmoothing = 0.3
)

// Idle weighs by the percentage of its time that a backend is idle, as agents
// that answer HAProxy's agent-check do: configured weight × idle %. Without an
// answer the last one counts, for ever.
type Idle struct {
	used    map[string]float64
	weights []float64
}

// NewIdle returns the law without any answers: everything is idle.
func NewIdle() *Idle { return &Idle{used: map[string]float64{}} }

// Weights implements [Law].
func (l *Idle) Weights(_ time.Time, in []Observation) []float64 {
	l.weights = l.weights[:0]
	present := make(map[string]bool, len(in))
	for i := range in {
		o := &in[i]
		present[o.Backend] = true
		used, known := l.used[o.Backend]
		if o.Reported && !math.IsNaN(o.Utilization) {
			if known {
				used += idleSmoothing * (o.Utilization - used)
			} else {
				used = o.Utilization
			}
			l.used[o.Backend] = used
		}
		percent := min(max(math.Round(100*(1-used)), leastIdle), 100)
		l.weights = append(l.weights, o.Capacity*percent)
	}
	for name := range l.used {
		if !present[name] {
			delete(l.used, name)
		}
	}
	return l.weights
}
