package scorer

import "time"

// Law turns what is known of a pool's backends into their shares of new work.
//
// Weights returns one value for each observation, in the same order; only
// ratios matter, and every value is finite and positive. The slice may be
// reused by the next call. A law keeps state from call to call and is told of
// a backend's identity by Observation.Backend; a backend it has not seen
// before is new, one it no longer sees is forgotten.
type Law interface {
	Weights(now time.Time, in []Observation) []float64
}

// Observation is what a law sees of one backend at one step: the reports since
// the step before, merged over their origins. Signals are NaN when absent.
type Observation struct {
	Backend string
	// Capacity is the configured strength, above 0.
	Capacity float64
	// Share is what is in force; only ratios matter, 0 is none, NaN is unknown.
	Share float64
	// InService is true while the backend is meant to get work: up, not
	// draining, not ejected.
	InService bool
	// Settled is true once it has been in service for longer than slow start.
	Settled bool
	// Seconds is the time that the counts were taken over; 0 means that nothing
	// was reported since the last step, and signals repeat what was known.
	Seconds float64
	// Completed and Failed are work per second: done without error, and with.
	Completed, Failed float64
	// InFlight is the mean of the samples since the last step.
	InFlight float64
	// Latency is the mean response time in seconds.
	Latency float64
	// Utilization is the backend's own word, 1 = full; Reported is that it has said
	// so since the last step.
	Utilization float64
	Reported    bool
	// Served is the work per second that the backend has counted itself, without
	// errors, over the time that Utilization is of.
	Served float64
}
