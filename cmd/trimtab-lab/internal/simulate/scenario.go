package simulate

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Scenario is a pool, what it is asked to do, and what happens to it.
type Scenario struct {
	// Name is what results are listed under.
	Name string
	// Backends is the pool, at least one.
	Backends []Backend
	// Proxies is how many proxies share the load; each request goes to a random
	// one of them and each of them counts only its own. At least 1.
	Proxies int
	// Demand is what a request costs.
	Demand Demand
	// Load is the arriving work over time as a share of the pool's nominal
	// capacity (the sum of cores × speed, whatever happens to them). It is read
	// every [Tick].
	Load func(t time.Duration) float64
	// Requests that arrive in the first Warmup are not counted. After Duration
	// nothing arrives any more and what is in flight is finished.
	Warmup, Duration time.Duration
	// Reports is how backends report their utilization; nil is not at all.
	Reports *Reports
	// Oracle is the capacities that the oracle's fixed weights are made from.
	// nil is each backend's mean capacity over the whole run.
	Oracle []float64
}

// Backend is one server of a scenario.
type Backend struct {
	Name string
	// Cores is how many requests it works on at full speed; with more than
	// that, all slow down alike.
	Cores float64
	// Speed is the work done per second on one core, in units of demand; 1 is
	// normal.
	Speed float64
	// Distance is added to every request after its work: time in flight that
	// uses no core.
	Distance time.Duration
	// Condition is what happens to it over time, read every [Tick]; nil is
	// nothing, ever.
	Condition func(t time.Duration) Condition
	// Claim distorts the utilization that it reports; nil is the truth.
	Claim func(utilization float64) float64
}

// Condition is a backend's condition at one time. Start from [Healthy].
type Condition struct {
	// Speed is a factor on Backend.Speed.
	Speed float64
	// Taken is the cores that a neighbour on the same host uses.
	Taken float64
	// Wait is a factor on the requests' waits.
	Wait float64
	// Failing requests end in an error after [failCost] of their work.
	Failing bool
	// Down gets no new requests, whatever its weight. Those in flight finish.
	Down bool
}

// Healthy is the condition of a backend that nothing happens to.
func Healthy() Condition { return Condition{Speed: 1, Wait: 1} }

// failCost is the share of its work that a request costs which fails fast.
const failCost = 0.05

// Tick is how often proxies' counts are sampled, and conditions and loads read.
const Tick = 200 * time.Millisecond

// ticksPerStep makes a controller's step a second.
const ticksPerStep = 5

// Reports is how backends tell of their utilization, once a second each.
type Reports struct {
	// Late is how many seconds a report is under way.
	Late int
	// Noise is the relative standard deviation of the value.
	Noise float64
	// Missing is the share of reports that never arrive.
	Missing float64
	// HideNeighbour leaves the cores that a neighbour takes out of the value:
	// the backend knows only its own use.
	HideNeighbour bool
}

// DefaultReports arrive a second late with 5 % noise.
func DefaultReports() *Reports { return &Reports{Late: 1, Noise: 0.05} }

func (s *Scenario) condition(backend int, t time.Duration) Condition {
	if f := s.Backends[backend].Condition; f != nil {
		return f(t)
	}
	return Healthy()
}

// capacity is the pool's nominal work per second.
func (s *Scenario) capacity() float64 {
	var sum float64
	for i := range s.Backends {
		sum += s.Backends[i].Cores * s.Backends[i].Speed
	}
	return sum
}

// oracleLargest is the oracle's largest weight. With larger ones leastconn's
// integer key can no longer tell one request in flight on a full-weight backend
// from one on a backend of three quarters: (1+1)·256/w is 2 for both.
const oracleLargest = 192

// OracleWeights returns the fixed weights, 0..256, of one who knows the
// capacities.
func (s *Scenario) OracleWeights() []int {
	known := s.Oracle
	if known == nil {
		known = s.meanCapacities()
	}
	largest := 0.0
	for _, c := range known {
		largest = max(largest, c)
	}
	weights := make([]int, len(known))
	for i, c := range known {
		if c > 0 {
			weights[i] = max(1, int(math.Round(oracleLargest*c/largest)))
		}
	}
	return weights
}

// meanCapacities is the mean of what each backend can do over the run; failing
// work is nothing done.
func (s *Scenario) meanCapacities() []float64 {
	known := make([]float64, len(s.Backends))
	for i, b := range s.Backends {
		ticks := 0
		for t := time.Duration(0); t < s.Duration; t += Tick {
			ticks++
			if c := s.condition(i, t); !c.Failing && !c.Down {
				known[i] += (b.Cores - c.Taken) * b.Speed * c.Speed
			}
		}
		known[i] /= float64(ticks)
	}
	return known
}

func (s *Scenario) check() error {
	switch {
	case len(s.Backends) == 0:
		return fmt.Errorf("scenario %s: no backends", s.Name)
	case len(s.Backends) > math.MaxInt16:
		return fmt.Errorf("scenario %s: %d backends: at most %d", s.Name, len(s.Backends), math.MaxInt16)
	case s.Proxies < 1:
		return fmt.Errorf("scenario %s: %d proxies: must be at least 1", s.Name, s.Proxies)
	case s.Load == nil || s.Demand.Draw == nil || !(s.Demand.Mean > 0):
		return fmt.Errorf("scenario %s: load and a demand with a mean above 0 are needed", s.Name)
	case s.Warmup < 0 || s.Duration <= s.Warmup:
		return fmt.Errorf("scenario %s: duration %v: must be longer than the warm-up of %v", s.Name, s.Duration, s.Warmup)
	case s.Reports != nil && s.Reports.Late < 0:
		return fmt.Errorf("scenario %s: reports %d s late: must not be negative", s.Name, s.Reports.Late)
	case s.Oracle != nil && len(s.Oracle) != len(s.Backends):
		return fmt.Errorf("scenario %s: the oracle knows %d capacities of %d backends", s.Name, len(s.Oracle), len(s.Backends))
	}
	var errs []error
	for _, b := range s.Backends {
		if !(b.Cores > 0) || !(b.Speed > 0) {
			errs = append(errs, fmt.Errorf("scenario %s: backend %s: cores %v, speed %v: must be above 0", s.Name, b.Name, b.Cores, b.Speed))
		}
	}
	return errors.Join(errs...)
}
