package scorer

import (
	"fmt"
	"math"
	"time"
)

// ShedConfig says when and how fast open connections are asked to reconnect. The
// zero value of every field means its default.
type ShedConfig struct {
	// StartAbove and StopBelow are multiples of a backend's goal ([Decision.Goal]):
	// connections are asked to leave from the first on and until the second is
	// reached. Defaults 1.05 and 1.04; 1 <= StopBelow <= StartAbove.
	StartAbove, StopBelow float64
	// Rate is the largest share of all connections of the pool that is asked per
	// second, over all backends and sharers. Default 0.01, at most 1.
	Rate float64
	// Horizon is the time within which clients that leave by themselves are waited
	// for. Default 60 s; negative: none are.
	Horizon time.Duration
	// Sharers is how many trimtabs shed in this pool and see the same. Each does its
	// part. Default 1.
	Sharers int
}

// DefaultShed is what holds where nothing else is configured.
func DefaultShed() ShedConfig {
	return ShedConfig{StartAbove: 1.05, StopBelow: 1.04, Rate: 0.01, Horizon: time.Minute, Sharers: 1}
}

// Shed is how many of a backend's connections are to be asked to reconnect before the
// next plan. Whoever carries it out spreads them over that time, and tells
// [Pool.Closed].
type Shed struct {
	// Count is how many, over all data planes.
	Count int
	// Why is the reason, also for asking nobody where that needs one.
	Why string
	// Parts share Count out over the targets by what each has open: for closers that
	// reach only what goes through one of them.
	Parts []ShedPart
}

// ShedPart is what one target closes.
type ShedPart struct {
	// Target is the name that [Pool.Applied] was given.
	Target string
	Count  int
}

// Closed is how many connections somebody has closed for a plan.
type Closed struct {
	Backend string
	// Seq is that of the plan which asked for it.
	Seq uint64
	// At is when the last of them was closed.
	At    time.Time
	Count int
}

// ShedState is what shedding is doing.
type ShedState uint8

const (
	// ShedOff is that nobody has asked for it.
	ShedOff ShedState = iota
	// ShedBalanced is that there is nothing to move.
	ShedBalanced
	// ShedWaiting is that who is on the way, or leaves anyway, will do.
	ShedWaiting
	// ShedActive is that connections are asked to reconnect.
	ShedActive
	// ShedHeld is that some should be, and must not be now.
	ShedHeld
)

func (s ShedState) String() string {
	switch s {
	case ShedOff:
		return "off"
	case ShedBalanced:
		return "balanced"
	case ShedWaiting:
		return "waiting"
	case ShedActive:
		return "active"
	default:
		return "held"
	}
}

// RebalanceState is what has become of an order to rebalance once.
type RebalanceState uint8

const (
	// RebalanceNone is that there is no order.
	RebalanceNone RebalanceState = iota
	// RebalanceRunning is that it is being carried out.
	RebalanceRunning
	// RebalanceDone is that it has been, RebalanceExpired that its time was over
	// before. Either order can be removed.
	RebalanceDone
	RebalanceExpired
	// RebalanceRefused is that there is nothing to move ([ErrNothingToMove]). It can
	// be removed, too.
	RebalanceRefused
)

func (s RebalanceState) String() string {
	switch s {
	case RebalanceNone:
		return "none"
	case RebalanceRunning:
		return "running"
	case RebalanceDone:
		return "done"
	case RebalanceExpired:
		return "expired"
	default:
		return "refused"
	}
}

// Shedding is what a plan does about connections that are where they should not be.
// Drains are not in it.
type Shedding struct {
	State ShedState
	// Why says it in words.
	Why string
	// Asked is how many this plan asks to reconnect, UnderWay how many have been
	// closed and have not been seen again, Excess how many are still to be asked,
	// those left to natural churn not counted.
	Asked, UnderWay, Excess int
	Rebalance               RebalanceState
}

func (c *ShedConfig) withDefaults() ShedConfig {
	out := *c
	d := DefaultShed()
	setDefault(&out.StartAbove, d.StartAbove)
	setDefault(&out.StopBelow, min(d.StopBelow, out.StartAbove))
	setDefault(&out.Rate, d.Rate)
	setDefault(&out.Horizon, d.Horizon)
	setDefault(&out.Sharers, d.Sharers)
	return out
}

func (c *ShedConfig) check() error {
	switch {
	case !(c.StopBelow >= 1) || !(c.StartAbove >= c.StopBelow) || math.IsInf(c.StartAbove, 0):
		return fmt.Errorf("shed: start_above %v, stop_below %v: must be at least 1, and start_above at least stop_below", c.StartAbove, c.StopBelow)
	case !(c.Rate > 0 && c.Rate <= 1):
		return fmt.Errorf("shed: rate %v: must be above 0 and at most 1, a share of all connections per second", c.Rate)
	case c.Sharers < 1:
		return fmt.Errorf("shed: %d sharers: must be at least 1", c.Sharers)
	default:
		return nil
	}
}
