package simulate

import "time"

// Sample is what is known of one backend over a window of time.
type Sample struct {
	// InFlight is the mean of the counts sampled every [Tick].
	InFlight float64
	// Completed counts the requests and connections that ended, Failed those
	// among them that failed, Upgrades the long-lived connections that opened.
	Completed, Failed, Upgrades int
	// Latency is HAProxy's mean response time, in seconds; NaN while nothing has
	// ended, and in the sums over all proxies.
	Latency float64
	// Report is what the backend reported last; its Utilization is NaN when no
	// report arrived in the window.
	Report Load
	// Closed is how many of its connections were closed since the last step because
	// the controller had asked for it.
	Closed int
	// Up is false for a backend that takes no new requests, Present for one
	// that is not in the pool.
	Up, Present bool
}

// Steering is what a controller wants to be in force, in the order of the
// scenario's backends.
type Steering struct {
	// Weights are 0..256 for HAProxy, 0..2^31-1 for Envoy; 0 gets no new
	// requests. The slice is read before the controller's next call.
	Weights []int
	// Shares is what the weights mean where that is not proportional to them:
	// nil is that it is.
	Shares []float64
	// Pulses is nil, or for each backend how long the weight is in force
	// before it becomes 0; 0 is until the next step. Shorter than a second.
	Pulses []time.Duration
	// Sheds is nil, or how many connections of each backend are to be closed before
	// the next step.
	Sheds []int
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

// Failer is implemented by controllers that can fail. Err is asked after the run.
type Failer interface{ Err() error }
