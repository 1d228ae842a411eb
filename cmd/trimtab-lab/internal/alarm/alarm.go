// Package alarm rings at an instant, late by tens of microseconds.
//
// Go's own timers wait in epoll, which counts in milliseconds: half a
// millisecond late in the median, 2 % of a service time of 20 ms. On Linux an
// Alarm is a timerfd that is read through the netpoller: it wakes the waiting
// goroutine like a byte on a socket does. Elsewhere it is a Go timer.
//
// It is not for time-outs: context and package time do those better.
package alarm

import (
	"context"
	"time"
)

// WaitUntil returns at the instant t, or at once with ctx's error when that is
// done. It takes over what a was set to; a is closed when ctx is done.
func WaitUntil(ctx context.Context, a *Alarm, t time.Time) error {
	stop := context.AfterFunc(ctx, func() { _ = a.Close() })
	defer stop()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		left := time.Until(t)
		if left <= 0 {
			return nil
		}
		a.Set(left)
		if err := a.Wait(); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		}
	}
}
