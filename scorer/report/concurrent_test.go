package report

import (
	"context"
	"sync"
	"testing"
	"time"
)

// Everything at once, and nothing is left over.
func TestConcurrentUse(t *testing.T) {
	r := reporter(t, Options{Interval: time.Millisecond, InBand: InBand{When: Always}, ShedRate: 1e6})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for i := range 300 {
				q := r.Begin()
				if i%3 == 0 {
					c := q.Connect(func(context.Context, Reason) error { return nil })
					c.SetCost(float64(i))
					c.End()
				}
				q.End(i%5 == 0)
				r.SetUtilization(0.5)
				r.SetDraining(i%2 == 0)
				if err := r.SetNamed("queue", float64(i)); err != nil {
					t.Error(err)
				}
				if l := r.Load(); l.Named[NamedInFlight] < 0 || l.Named[NamedInFlight] > 8 || l.Named[NamedConnections] > 8 {
					t.Errorf("%+v", l)
				}
				if _, err := r.Shed(t.Context(), ShedRequest{Connections: 2}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if err := counting(r, counts{Ended: 2400, Failed: 8 * 40}); err != nil {
		t.Error(err)
	}
}
