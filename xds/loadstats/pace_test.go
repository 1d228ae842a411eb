package loadstats

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// A hundred data planes whose periods are spread evenly wake a pool twenty times a
// second and no more; nothing is lost, and the first report does not wait.
func TestReportsGoOnTogether(t *testing.T) {
	for _, tt := range []struct {
		interval, pause time.Duration
	}{
		{DefaultInterval, 50 * time.Millisecond},
		{5 * time.Second, 50 * time.Millisecond},
		{MinInterval, 5 * time.Millisecond},
	} {
		t.Run(tt.interval.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, err := New(Options{Interval: MinInterval})
				if err != nil {
					t.Fatal(err)
				}
				s.SetInterval(tt.interval) // the newest counts
				from := read(t, s, "ws")
				rest := time.NewTimer(time.Second)
				<-rest.C
				begun := time.Now()
				const origins = 100
				sent := make(chan struct{})
				go func() {
					defer close(sent)
					tick := time.NewTicker(tt.interval / origins)
					defer tick.Stop()
					for i := range 5 * origins {
						s.readers.send("ws", fmt.Sprint("lrs:", i%origins), []scorer.Report{{InFlight: float64(i)}})
						<-tick.C
					}
				}()
				seen := map[float64]bool{}
				at := map[time.Duration]bool{}
				for range 5 * origins {
					r := <-from
					seen[r.InFlight] = true
					at[time.Since(begun)] = true
				}
				<-sent
				if len(seen) != 5*origins || !at[0] {
					t.Errorf("%d reports arrived, at once: %v; want %d", len(seen), at[0], 5*origins)
				}
				if most := 1 + int(5*tt.interval/tt.pause); len(at) > most {
					t.Errorf("the pool was woken %d times, want at most %d", len(at), most)
				}
			})
		})
	}
}
