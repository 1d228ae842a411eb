package backend

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
)

// Faults are what is wrong with a backend. The zero value is a sound one.
type Faults struct {
	// FailShare is the share of requests, 0 to 1, that is answered 500 at once.
	FailShare float64 `json:"fail_share"`
	// Speed multiplies the configured speed; 0 means 1.
	Speed float64 `json:"speed"`
	// Hang takes requests and messages and answers nothing until it ends.
	Hang bool `json:"hang"`
	// Refuse closes what is open and refuses connections.
	Refuse bool `json:"refuse"`
}

// Validate returns an error that names every value out of range.
func (f Faults) Validate() error {
	var errs []error
	if !(f.FailShare >= 0 && f.FailShare <= 1) {
		errs = append(errs, fmt.Errorf("fail_share %v is not within 0 and 1", f.FailShare))
	}
	if !(f.Speed >= 0) || math.IsInf(f.Speed, 1) {
		errs = append(errs, fmt.Errorf("speed %v is not a number of 0 (as configured) or more", f.Speed))
	}
	return errors.Join(errs...)
}

// speed is the factor on the configured speed.
func (f Faults) speed() float64 {
	switch {
	case f.Hang:
		return 0
	case f.Speed == 0:
		return 1
	default:
		return f.Speed
	}
}

// gate lets callers through unless it is shut.
type gate struct {
	mu sync.Mutex
	// opens is closed when the gate opens; nil while it is open.
	opens chan struct{}
}

func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case shut && g.opens == nil:
		g.opens = make(chan struct{})
	case !shut && g.opens != nil:
		close(g.opens)
		g.opens = nil
	}
}

// pass waits until the gate is open or ctx is done.
func (g *gate) pass(ctx context.Context) error {
	g.mu.Lock()
	opens := g.opens
	g.mu.Unlock()
	if opens == nil {
		return nil
	}
	select {
	case <-opens:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
