package loadstats

import (
	"sync"

	"github.com/trimtab-lb/trimtab/scorer"
)

// maxPeriods is how many periods of one origin wait: as many as may come between
// two looks of a reader that is not slow, late ones included.
const maxPeriods = 4

// mailbox holds what one reader of a pool's reports has not taken yet, of each
// origin the newest periods: who is slow loses the older ones, and their
// intervals with them. Its memory is bounded by the origins that are there.
type mailbox struct {
	// filled has room for one token, which is there while a batch waits.
	filled chan struct{}

	mu      sync.Mutex
	batches map[string]*batch
	waiting []*batch // oldest first
}

// batch is one origin's reports of so many periods, oldest first; of none when it
// does not wait.
type batch struct {
	reports []scorer.Report
	periods int
}

func newMailbox() *mailbox {
	return &mailbox{filled: make(chan struct{}, 1), batches: map[string]*batch{}}
}

// put copies the reports and never waits.
func (m *mailbox) put(origin string, reports []scorer.Report) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.batches[origin]
	if b == nil {
		b = &batch{}
		m.batches[origin] = b
	}
	switch b.periods {
	case 0:
		b.reports = b.reports[:0]
		m.waiting = append(m.waiting, b)
	case maxPeriods:
		b.reports, b.periods = b.reports[:0], 0
	}
	b.reports = append(b.reports, reports...)
	b.periods++
	m.signal()
}

// take returns the batch that waits the longest, in exchange for room that the
// caller has no use for any more. There is none when ok is false.
func (m *mailbox) take(room []scorer.Report) (reports []scorer.Report, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.waiting) == 0 {
		return room, false
	}
	b := m.waiting[0]
	m.waiting = append(m.waiting[:0], m.waiting[1:]...)
	b.periods = 0
	reports, b.reports = b.reports, room
	return reports, true
}

// forget drops an origin whose stream has ended; its last word is still taken.
func (m *mailbox) forget(origin string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.batches, origin)
}

func (m *mailbox) signal() {
	select {
	case m.filled <- struct{}{}:
	default:
	}
}
