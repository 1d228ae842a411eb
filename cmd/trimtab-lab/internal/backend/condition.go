package backend

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// Condition is how strong a backend is at present and what becomes of what it is
// asked. Unlike Faults, which a person sets, it is for who plays a scenario.
type Condition struct {
	// Cores and Speed are as in [Config]; 0 cores are none: nothing is worked on.
	Cores, Speed float64
	// Distance is added to requests and messages that end their work from now on,
	// and uses no core.
	Distance time.Duration
	// WaitFactor is on the waits that requests and messages bring along.
	WaitFactor float64
	// ErrorShare is the share of requests and messages, 0 to 1, that are answered
	// 500 after [FailCost] of their work, and without their wait; and that of the
	// WebSockets that do not come about.
	ErrorShare float64
	// Hang, unless it is 0, is after how long requests and messages that come from
	// now on are answered 504, without any work. Health checks are answered, and
	// WebSockets come about, as ever.
	Hang time.Duration
	// Away breaks off what is in progress and refuses connections.
	Away bool
}

// FailCost is the share of its work that a request costs which fails.
const FailCost = 0.05

// Validate returns an error that names every value out of range.
func (c Condition) Validate() error {
	var errs []error
	if !(c.Cores >= 0) || !(c.Speed >= 0) || math.IsInf(c.Cores, 1) || math.IsInf(c.Speed, 1) {
		errs = append(errs, fmt.Errorf("cores %v, speed %v: must be numbers of 0 or more", c.Cores, c.Speed))
	}
	if c.Distance < 0 || c.Hang < 0 || !(c.WaitFactor >= 0) {
		errs = append(errs, fmt.Errorf("distance %v, hang %v, wait factor %v: must not be negative", c.Distance, c.Hang, c.WaitFactor))
	}
	if !(c.ErrorShare >= 0 && c.ErrorShare <= 1) {
		errs = append(errs, fmt.Errorf("error share %v is not within 0 and 1", c.ErrorShare))
	}
	return errors.Join(errs...)
}

// healthy is the condition that a backend starts in.
func (c Config) healthy() Condition {
	return Condition{Cores: c.Cores, Speed: c.Speed, WaitFactor: 1}
}

// Condition is the backend's condition now.
func (b *Backend) Condition() Condition {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.condition
}

// SetCondition makes c the backend's condition, from now on and for work in
// progress too. On an error nothing has changed, except that a backend that
// cannot listen again goes on refusing.
func (b *Backend) SetCondition(ctx context.Context, c Condition) error {
	if err := c.Validate(); err != nil {
		return fmt.Errorf("backend %s: condition: %w", b.cfg.Name, err)
	}
	return b.change(ctx, func(_ *Faults, condition *Condition) { *condition = c })
}

// change puts other faults or another condition into force.
func (b *Backend) change(ctx context.Context, to func(*Faults, *Condition)) error {
	b.switching.Lock()
	defer b.switching.Unlock()
	if b.closed {
		return fmt.Errorf("backend %s: it is closed", b.cfg.Name)
	}
	f, c := b.Faults(), b.Condition()
	to(&f, &c)
	refuse := f.Refuse || c.Away
	if !refuse && b.server == nil {
		if err := b.serve(ctx); err != nil {
			return err
		}
	}
	b.mu.Lock()
	b.faults, b.condition = f, c
	b.mu.Unlock()
	b.station.set(c.Cores, c.Speed*f.speed())
	// Who hangs and then refuses breaks off what hung: it may not go on in between.
	defer b.gate.set(f.Hang)
	if refuse {
		return b.unserve()
	}
	return nil
}
