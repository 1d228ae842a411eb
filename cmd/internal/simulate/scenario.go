package simulate

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Scenario is a pool, or several that share backends, what they are asked to do,
// and what happens to them.
//
// All times count from the start of the run, the warm-up included.
type Scenario struct {
	// Name is what results are listed under.
	Name string
	// Backends is every backend that is ever there, at least one.
	Backends []Backend
	// Proxies is how many proxies share the load; each request and connection
	// goes to a random one of them and each of them counts only its own. At
	// least 1.
	Proxies int
	// Pools share the backends; nil is one of all of them behind the Proxies,
	// which otherwise mean nothing.
	Pools []Pool
	// Demand is what a request costs and Load the arriving work over time as a
	// share of the pool's nominal capacity (the sum of cores × speed over all its
	// backends, whatever happens to them), read every [Tick]. They are the first
	// of the Requests, to the first pool; both are left out in a scenario that
	// has none or lists all of them there.
	Demand Demand
	Load   func(t time.Duration) float64
	// Requests are further streams of requests.
	Requests []Requests
	// Sockets are the groups of clients with long-lived connections.
	Sockets []Sockets
	// What arrives in the first Warmup is not counted. After Duration nothing
	// arrives any more and what is in flight is finished.
	Warmup, Duration time.Duration
	// Timeout is how long clients wait for a backend that hangs; 0 means
	// [DefaultTimeout].
	Timeout time.Duration
	// Reports is how backends report their load; nil is not at all.
	Reports *Reports
	// Shed is how trimtab evens connections out; nil is not at all. What is asked of
	// a backend is closed within the second, by order of age.
	Shed      *scorer.ShedConfig
	ShedOrder ShedOrder
	// Trimtabs is how many trimtabs steer each pool, knowing nothing of each other but
	// their number; 0 means 1. ViewDelay is how old what they see of the proxies is.
	Trimtabs  int
	ViewDelay time.Duration
	// Oracle is the capacities that the oracle's fixed weights are made from.
	// nil is each backend's mean capacity over the time that it works.
	Oracle []float64
}

// Requests is a stream of requests with arrivals at random (Poisson).
type Requests struct {
	// Pool is the index of the pool that they go to.
	Pool int
	// Demand is what a request costs.
	Demand Demand
	// Load is as in Scenario; Rate, in requests per second, takes its place
	// where it is set. Both are read every [Tick].
	Load, Rate func(t time.Duration) float64
}

// DefaultTimeout is how long clients wait where nothing else is said, HAProxy's
// usual "timeout server".
const DefaultTimeout = 30 * time.Second

// Tick is how often proxies' counts are sampled, and conditions and loads read.
const Tick = 200 * time.Millisecond

// ticksPerStep makes a controller's step a second.
const ticksPerStep = 5

// streams are all streams of requests.
func (s *Scenario) streams() []Requests {
	if s.Load == nil {
		return s.Requests
	}
	return slices.Concat([]Requests{{Demand: s.Demand, Load: s.Load}}, s.Requests)
}

func (s *Scenario) timeout() float64 {
	if s.Timeout == 0 {
		return DefaultTimeout.Seconds()
	}
	return s.Timeout.Seconds()
}

// capacity is a pool's nominal work per second.
func (s *Scenario) capacity(of *Pool) float64 {
	var sum float64
	for _, m := range of.Members {
		sum += s.Backends[m.Backend].Cores * s.Backends[m.Backend].Speed
	}
	return sum
}

func (s *Scenario) check() error {
	switch {
	case len(s.Backends) == 0:
		return fmt.Errorf("scenario %s: no backends", s.Name)
	case len(s.Backends) > math.MaxInt16:
		return fmt.Errorf("scenario %s: %d backends: at most %d", s.Name, len(s.Backends), math.MaxInt16)
	case s.Proxies < 1:
		return fmt.Errorf("scenario %s: %d proxies: must be at least 1", s.Name, s.Proxies)
	case s.Warmup < 0 || s.Duration <= s.Warmup:
		return fmt.Errorf("scenario %s: duration %v: must be longer than the warm-up of %v", s.Name, s.Duration, s.Warmup)
	case s.Trimtabs < 0 || s.ViewDelay < 0:
		return fmt.Errorf("scenario %s: %d trimtabs with views %v old: must not be negative", s.Name, s.Trimtabs, s.ViewDelay)
	case s.Timeout < 0:
		return fmt.Errorf("scenario %s: timeout %v: must not be negative", s.Name, s.Timeout)
	case s.Oracle != nil && len(s.Oracle) != len(s.Backends):
		return fmt.Errorf("scenario %s: the oracle knows %d capacities of %d backends", s.Name, len(s.Oracle), len(s.Backends))
	}
	errs := []error{s.Reports.check(), s.checkTraffic(), s.checkPools()}
	names := make(map[string]bool, len(s.Backends))
	for i := range s.Backends {
		b := &s.Backends[i]
		errs = append(errs, b.check())
		if names[b.Name] {
			errs = append(errs, fmt.Errorf("backend %s: twice", b.Name))
		}
		names[b.Name] = true
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	return nil
}

func (s *Scenario) checkTraffic() error {
	var errs []error
	for i, r := range s.streams() {
		switch {
		case r.Load == nil && r.Rate == nil:
			errs = append(errs, fmt.Errorf("requests %d: a load or a rate is needed", i))
		case r.Demand.Draw == nil || !(r.Demand.Mean > 0) || math.IsInf(r.Demand.Mean, 0):
			errs = append(errs, fmt.Errorf("requests %d: a demand with a finite mean above 0 is needed", i))
		}
	}
	for i := range s.Sockets {
		if err := s.Sockets[i].check(); err != nil {
			errs = append(errs, fmt.Errorf("sockets %d: %w", i, err))
		}
	}
	if len(s.streams()) == 0 && len(s.Sockets) == 0 {
		errs = append(errs, errors.New("no requests and no sockets"))
	}
	return errors.Join(errs...)
}
