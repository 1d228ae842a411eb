package simulate

import (
	"slices"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Sample is what is known of one backend over a window of time.
type Sample struct {
	// InFlight is the mean of the counts sampled every [Tick].
	InFlight float64
	// Completed counts the requests that ended, Failed those among them that
	// failed.
	Completed, Failed int
	// Latency is the mean time of those that ended, in seconds; NaN without
	// any.
	Latency float64
	// Utilization is what the backend reported last, 1 is full; NaN when no
	// report arrived in the window.
	Utilization float64
	// Up is false for a backend that takes no new requests.
	Up bool
}

// Steering is what a controller wants to be in force, in the order of the
// scenario's backends.
type Steering struct {
	// Weights are 0..256; 0 gets no new requests. The slice is read before the
	// controller's next call.
	Weights []int
	// Pulses is nil, or for each backend how long the weight is in force
	// before it becomes 0; 0 is until the next step. Shorter than a second.
	Pulses []time.Duration
}

// Controller moves weights. It belongs to one run.
type Controller interface {
	// Start returns the weights before the first step.
	Start() Steering
	// Step is called once a second with the sums over all proxies.
	Step(now time.Duration, in []Sample) Steering
}

// ProxyObserver is implemented by controllers that want what each proxy sees
// every [Tick], like one that polls it. It is told before Step, and of
// utilization in the first proxy's samples only. in is valid during the call.
type ProxyObserver interface {
	ObserveProxy(now time.Duration, proxy int, in []Sample)
}

// Static keeps the same weights for ever.
type Static []int

// Start implements [Controller].
func (s Static) Start() Steering { return Steering{Weights: s} }

// Step implements [Controller].
func (s Static) Step(time.Duration, []Sample) Steering { return Steering{Weights: s} }

// Policy makes controllers, one for each run.
type Policy struct {
	// Name is what results are listed under.
	Name string
	// New returns a controller for one run.
	New func(Setup) (Controller, error)
}

// Setup is what a controller may know of its run.
type Setup struct {
	Scenario  *Scenario
	Algorithm scorer.Algorithm
}

// Equal gives all backends the same weight, for ever.
func Equal() Policy {
	return Policy{Name: "equal", New: func(s Setup) (Controller, error) {
		return Static(equalWeights(len(s.Scenario.Backends))), nil
	}}
}

// Oracle gives the weights that one who knows the capacities would set, for
// ever.
func Oracle() Policy {
	return Policy{Name: "oracle", New: func(s Setup) (Controller, error) {
		return Static(s.Scenario.OracleWeights()), nil
	}}
}

// initialWeight is what a proxy starts with when nobody has said anything.
const initialWeight = 100

func equalWeights(n int) []int { return slices.Repeat([]int{initialWeight}, n) }
