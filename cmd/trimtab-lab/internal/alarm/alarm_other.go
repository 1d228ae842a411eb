//go:build !linux

package alarm

import (
	"fmt"
	"os"
	"sync"
	"time"
)

// Alarm is one timer. Set, Wait and Close may be called concurrently; Wait by
// one goroutine at a time.
type Alarm struct {
	timer *time.Timer
	once  sync.Once
	done  chan struct{}
}

// New returns an alarm that is not set.
func New() (*Alarm, error) {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &Alarm{timer: t, done: make(chan struct{})}, nil
}

// Set makes the alarm ring once, in d from now, instead of whenever it was set
// to before. What is not positive rings at once. A closed alarm takes no notice.
func (a *Alarm) Set(d time.Duration) { a.timer.Reset(d) }

// Wait blocks until the alarm rings. It may return early, so that callers look
// at the clock; it returns an error wrapping [os.ErrClosed] after Close.
func (a *Alarm) Wait() error {
	select {
	case <-a.timer.C:
		return nil
	case <-a.done:
		return fmt.Errorf("alarm: %w", os.ErrClosed)
	}
}

// Close ends a Wait that is under way. Closing twice is harmless.
func (a *Alarm) Close() error {
	a.once.Do(func() {
		a.timer.Stop()
		close(a.done)
	})
	return nil
}
