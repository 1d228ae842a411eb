// Package events keeps the newest events and tells those who wait for more.
//
//	tuners, reloads ─▶ Log.Add ─▶ the newest thousand, numbered
//	                                  │ Since, Changed
//	                                  ▼
//	                     GET /api/v1/events (server-sent events), trimtab events
//
// A reader that is slow loses the oldest events and nothing else, and delays
// nobody. The package is not a journal: what must be kept is in the log that
// trimtab writes.
package events

import (
	"slices"
	"sync"
	"time"

	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// Kept is how many events are remembered.
const Kept = 1000

// Event is one entry. Its JSON is a contract: fields are added, never renamed.
type Event struct {
	// ID counts from 1 since the start.
	ID uint64    `json:"id"`
	At time.Time `json:"at"`
	// Kind is state, order, law, target, proxy, note or reload.
	Kind string `json:"kind"`
	// Pool, Backend, Target and Who are "" where there is none.
	Pool    string `json:"pool"`
	Backend string `json:"backend"`
	Target  string `json:"target"`
	Who     string `json:"who"`
	Text    string `json:"text"`
}

// Log is safe for concurrent use.
type Log struct {
	mu      sync.Mutex
	entries []Event // in order, the newest last
	last    uint64
	changed chan struct{} // closed at the next event
}

// New returns an empty log.
func New() *Log { return &Log{changed: make(chan struct{})} }

// Add notes an event; it never waits.
func (l *Log) Add(e tuner.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.At.IsZero() {
		e.At = time.Now()
	}
	l.last++
	l.entries = append(l.entries, Event{
		ID: l.last, At: e.At, Kind: string(e.Kind), Pool: e.Pool,
		Backend: e.Backend, Target: e.Target, Who: e.Who, Text: e.Text,
	})
	if len(l.entries) >= 2*Kept {
		l.entries = slices.Clone(l.entries[len(l.entries)-Kept:])
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

// Since returns the events after the one with the given number that are still
// remembered, and a channel that is closed when there are more. A number that is
// not from this log, as of before a restart, is taken for 0.
func (l *Log) Since(id uint64) ([]Event, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if id > l.last {
		id = 0
	}
	from := max(0, len(l.entries)-Kept, len(l.entries)-int(l.last-id))
	return slices.Clone(l.entries[from:]), l.changed
}
