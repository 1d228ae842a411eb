package discover

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Status is how a discoverer does. It is a copy.
type Status struct {
	// Name is the kind and what is looked at: dns:_http._tcp.web.example.test,
	// file:/etc/trimtab/targets.json.
	Name string
	// LastError is why the newest look brought no list, "" while it does: the list
	// before it stands.
	LastError string
	// Backends is how many there are, Changed when the list last changed; zero before
	// the first one.
	Backends int
	Changed  time.Time
	// Looks and Failures count since the start.
	Looks, Failures uint64
}

// journal keeps the status and the newest list.
type journal struct {
	log *slog.Logger

	mu     sync.Mutex
	status Status
	list   []scorer.Backend
}

func newJournal(name string, log *slog.Logger) *journal {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &journal{log: log.With("source", name), status: Status{Name: name}}
}

// Name is as in [Status].
func (j *journal) Name() string { return j.status.Name }

// Status returns how it does.
func (j *journal) Status() Status {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.status
}

// failed notes a look without a list; it is logged when the reason is a new one.
func (j *journal) failed(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.status.Looks++
	j.status.Failures++
	text := strings.ToValidUTF8(err.Error(), "?")
	if text != j.status.LastError {
		j.log.Warn("backends are not discovered; those known stay", "backends", j.status.Backends, "error", text)
	}
	j.status.LastError = text
}

// found notes a list and says whether it is another one than before.
func (j *journal) found(list []scorer.Backend, now time.Time) (changed bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.status.Looks++
	if j.status.LastError != "" {
		j.log.Info("backends are discovered again", "after", j.status.LastError)
	}
	j.status.LastError = ""
	if slices.Equal(list, j.list) {
		return false
	}
	j.log.Info("backends discovered", "backends", len(list), "before", len(j.list))
	j.list, j.status.Backends, j.status.Changed = list, len(list), now
	return true
}

// known is the newest list, nil before the first.
func (j *journal) known() []scorer.Backend {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.list
}
