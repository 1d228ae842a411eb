package scorer

import "slices"

// Algorithm is how a data plane picks a backend. It decides what weights mean
// and whether latency is a witness of capacity.
type Algorithm string

const (
	// AlgorithmUnknown is treated like LeastConnections.
	AlgorithmUnknown Algorithm = ""
	// LeastConnections takes the lowest in-flight per weight; an idle backend
	// comes first whatever its weight (HAProxy leastconn).
	LeastConnections Algorithm = "leastconn"
	// Random draws a few by weight and takes the least loaded of them
	// (HAProxy random(2)).
	Random Algorithm = "random"
	// LeastRequest is Envoy's: two choices when weights are equal, else
	// earliest deadline first over weight/(active+1).
	LeastRequest Algorithm = "least_request"
	// RoundRobin shares by weight and looks at nothing else.
	RoundRobin Algorithm = "roundrobin"
	// FixedWeights is any algorithm that ignores weights or does not allow
	// changing them while running (HAProxy first, source, static-rr, …).
	FixedWeights Algorithm = "fixed"
)

// HasFeedback says whether the algorithm looks at the work in flight, so that
// an overloaded backend is spared from one moment to the next.
func (a Algorithm) HasFeedback() bool {
	return !slices.Contains([]Algorithm{RoundRobin, FixedWeights}, a)
}

// InForce is what one target's data plane really has after a plan was applied:
// equal-making, exponent and rounding included. A law that did not know it
// would wind up against weights that never followed.
type InForce struct {
	// Origin is the Report.Origin under which the same data plane reports, so
	// that its share of the traffic is known; empty when it does not report. A
	// data plane of many processes has them all: a * at the end is any text.
	Origin string
	// Algorithm is what the data plane balances with.
	Algorithm Algorithm
	// Pulses says whether the target honours Decision.Pulse.
	Pulses bool
	// Process is another number for each process of the data plane: after a
	// restart or a reload nothing that was set before is sure to be there.
	Process int
	// Reloading is that another process is taking over just now, so that counts say
	// only a part of what is open.
	Reloading bool
	// Shares has an entry for each backend that the data plane knows.
	Shares []Share
	// Warnings say, for a person, what may keep weights from having their effect
	// although they are in force, and what to do about it.
	Warnings []string
}

// saysNothing is that nothing is known of it now.
func (f *InForce) saysNothing() bool {
	return f.Origin == "" && f.Algorithm == AlgorithmUnknown && f.Process == 0 && !f.Reloading && len(f.Shares) == 0
}

// Share is one backend's part of an InForce.
type Share struct {
	Backend string
	// Weight is in plan units: relative, with the target's exponent taken off.
	// Only ratios matter. 0 gets no new work.
	Weight float64
	// Applied is the weight in the data plane's own units.
	Applied int
	// Note says, for a person, why this is not what the plan asked for; empty
	// when it is.
	Note string
}
