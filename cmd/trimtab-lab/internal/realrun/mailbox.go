package realrun

import (
	"math"
	"sync"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
)

// mailbox has one backend's newest report that has arrived.
type mailbox struct {
	// fresh is for how long it is given to who asks.
	fresh time.Duration

	mu     sync.Mutex
	load   simulate.Load
	at     time.Time
	unread bool
}

// slack is how much longer than a period a report is given out, as a share, so
// that a reader who asks once in a period misses none that was not lost.
const slack = 0.1

func newMailbox(period time.Duration) *mailbox {
	return &mailbox{fresh: time.Duration((1 + slack) * float64(period))}
}

func (m *mailbox) put(l simulate.Load) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.load, m.at, m.unread = l, time.Now(), true
}

// take returns the report if nobody has taken it yet; its utilization is NaN
// otherwise.
func (m *mailbox) take() simulate.Load {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.unread {
		return noLoad()
	}
	m.unread = false
	return m.load
}

// report is the report for whoever asks the backend: nothing in a period whose
// report was lost.
func (m *mailbox) report() (backend.Report, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.at.IsZero() || time.Since(m.at) > m.fresh {
		return backend.Report{}, false
	}
	return backend.Report{
		CPUUtilization: m.load.Utilization, ApplicationUtilization: m.load.Utilization,
		RPS: m.load.Completed, EPS: m.load.Failed,
		Named: map[string]float64{"in_flight": m.load.InFlight},
	}, true
}

func noLoad() simulate.Load { return simulate.Load{Utilization: math.NaN()} }
