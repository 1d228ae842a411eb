package backend

import (
	"context"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/alarm"
)

// exactly is how long before its instant a sleep goes over to an alarm, which costs
// an open file: thousands may be asleep.
const exactly = 20 * time.Millisecond

// sleepUntil returns at an instant, or with ctx's error before. Instants that are
// over cost nothing.
func sleepUntil(ctx context.Context, t time.Time) error {
	if !time.Now().Before(t) {
		return ctx.Err()
	}
	if first := time.Until(t) - exactly; first > 0 {
		timer := time.NewTimer(first)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	a, err := alarm.New()
	if err != nil {
		return err
	}
	defer func() { _ = a.Close() }()
	return alarm.WaitUntil(ctx, a, t)
}
