package report

import (
	"errors"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/scorer/report/usage"
)

// meter measures what it is set to.
type meter struct {
	mu  sync.Mutex
	now usage.Usage
	err error
}

func (m *meter) Read(time.Time) (usage.Usage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now, m.err
}

func (m *meter) set(cpu, memory float64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now, m.err = usage.Usage{CPU: cpu, Memory: memory}, err
}

var errGone = errors.New("it is gone")

// reporter is closed when the test ends.
func reporter(t testing.TB, o Options) *Reporter {
	t.Helper()
	if o.Meter == nil {
		o.Meter = &meter{now: usage.Usage{CPU: math.NaN(), Memory: math.NaN()}}
	}
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// fixed is a Source that never changes.
type fixed Load

func (f fixed) Load() Load { return Load(f) }

// until waits for check to succeed.
func until(t *testing.T, check func() error) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); ; <-tick.C {
		err := check()
		if err == nil {
			return
		}
		if time.Since(began) > 10*time.Second {
			t.Fatalf("not within 10s: %v", err)
		}
	}
}

// pass lets time pass, in a bubble.
func pass(d time.Duration) { <-time.After(d) }
