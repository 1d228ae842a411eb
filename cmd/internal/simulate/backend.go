package simulate

import (
	"fmt"
	"time"
)

// Backend is one server of a scenario.
type Backend struct {
	// Name is unique in the scenario.
	Name string
	// Cores is how many requests it works on at full speed; with more than
	// that, all slow down alike.
	Cores float64
	// Speed is the work done per second on one core, in units of demand; 1 is
	// normal.
	Speed float64
	// Weight is what a person has configured for it, relative to the others; 0
	// means 1. It is where policies start that know no better.
	Weight float64
	// CapacityHint is what trimtab is told of its capacity instead of Weight; 0
	// is nothing.
	CapacityHint float64
	// Distance is added to every request after its work: time in flight that
	// uses no core.
	Distance time.Duration
	// Condition is what happens to it over time, read every [Tick]; nil is
	// nothing, ever. See [Timeline].
	Condition func(t time.Duration) Condition
	// Claim distorts the utilization that it reports; nil is the truth.
	Claim func(utilization float64) float64
}

func (b *Backend) check() error {
	switch {
	case !(b.Cores > 0) || !(b.Speed > 0):
		return fmt.Errorf("backend %s: cores %v, speed %v: must be above 0", b.Name, b.Cores, b.Speed)
	case !(b.Weight >= 0) || !(b.CapacityHint >= 0):
		return fmt.Errorf("backend %s: weight %v, capacity hint %v: must not be negative", b.Name, b.Weight, b.CapacityHint)
	default:
		return nil
	}
}

// Condition is a backend's condition at one time. Start from [Healthy].
type Condition struct {
	// Cores and Speed are factors on the backend's.
	Cores, Speed float64
	// Weight is a factor on the configured one; a CapacityHint above 0 is instead
	// of the backend's.
	Weight, CapacityHint float64
	// Taken is the cores that a neighbour on the same host uses, and Hidden that
	// the backend does not count them as its own utilization.
	Taken  float64
	Hidden bool
	// Wait is a factor on the requests' waits.
	Wait float64
	// Distance is what a request takes more than the backend's Distance.
	Distance time.Duration
	// Errors is the share of requests that end in an error after [failCost] of
	// their work.
	Errors float64
	// Hanging takes requests and does nothing: what comes while it lasts fails
	// when its client has waited for the scenario's Timeout. What was there
	// before goes on.
	Hanging bool
	// Down gets no new requests, whatever its weight. Those in flight finish.
	Down bool
	// Killed is Down, and what is in flight when it begins fails.
	Killed bool
	// Draining gets no new requests, whatever its weight, and its connections are to
	// be gone within that time after DrainedFrom; 0 is that it is not drained.
	Draining, DrainedFrom time.Duration
	// Absent is not in the pool at all: nobody knows of it. What is in flight
	// when it leaves finishes.
	Absent bool
	// Report is what its load reports are like, and Claim a factor on the
	// utilization in them.
	Report ReportMode
	Claim  float64
}

// Healthy is the condition of a backend that nothing happens to.
func Healthy() Condition { return Condition{Cores: 1, Speed: 1, Weight: 1, Wait: 1, Claim: 1} }

// failCost is the share of its work that a request costs which fails fast.
const failCost = 0.05

// Out says whether it gets no new work.
func (c *Condition) Out() bool { return c.Away() || c.Draining > 0 }

// Away says whether it is not there.
func (c *Condition) Away() bool { return c.Down || c.Killed || c.Absent }

// Change is something that happens to a backend.
type Change struct {
	// It lasts from At to before Until; Until 0 is for ever.
	At, Until time.Duration
	// Do makes the change.
	Do func(*Condition)
}

// Timeline is the condition of a backend to which all of that happens; of
// changes to the same thing the last one that is under way counts.
func Timeline(changes ...Change) func(t time.Duration) Condition {
	return func(t time.Duration) Condition {
		c := Healthy()
		for _, change := range changes {
			if t >= change.At && (change.Until == 0 || t < change.Until) {
				change.Do(&c)
			}
		}
		return c
	}
}

// Condition is a backend's at that time.
func (s *Scenario) Condition(backend int, t time.Duration) Condition {
	if f := s.Backends[backend].Condition; f != nil {
		return f(t)
	}
	return Healthy()
}
