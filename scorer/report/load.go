package report

import (
	"math"
	"time"
)

// Load is what a backend says of itself. What it does not know is NaN.
type Load struct {
	// At is when CPU, Memory and the rates were read last.
	At time.Time
	// Utilization is the application's own idea of how full it is, CPU and
	// Memory what it uses of what it may: 1 is full, more is possible.
	Utilization, CPU, Memory float64
	// RPS is the requests completed per second, failed ones included; EPS is
	// the failed part of them.
	RPS, EPS float64
	// Draining is true while no new work is wanted.
	Draining bool
	// Named are further metrics; see the package's comment for the names that
	// a Reporter gives. It must not be changed.
	Named map[string]float64
}

// Unknown is a Load that says nothing.
func Unknown() Load {
	nan := math.NaN()
	return Load{Utilization: nan, CPU: nan, Memory: nan, RPS: nan, EPS: nan}
}

// Source tells a backend's load, at once. It must be safe for concurrent use. A
// [Reporter] is one.
type Source interface{ Load() Load }

// The names of what Load has beyond ORCA's fields.
const (
	// NamedInFlight is requests in progress.
	NamedInFlight = "in_flight"
	// NamedConnections is long-lived connections open.
	NamedConnections = "connections"
	// NamedCost is the sum of what connections cost, NamedCostMax the cost of
	// the dearest.
	NamedCost    = "connection_cost"
	NamedCostMax = "connection_cost_max"
	// NamedDraining is 1 while a backend wants no new work.
	NamedDraining = "draining"
)

// busy is the share that is in use: the application's word, else the
// processor's.
func (l Load) busy() float64 {
	if math.IsNaN(l.Utilization) {
		return l.CPU
	}
	return l.Utilization
}

// usable says whether a value may be reported.
func usable(v float64) bool { return !math.IsInf(v, 0) && !math.IsNaN(v) && v >= 0 }
