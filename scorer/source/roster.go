package source

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/trimtab-lb/trimtab/scorer"
)

// roster runs a worker for each backend of a changing list.
type roster struct {
	// Set at creation, read-only.
	origin string
	logger *slog.Logger
	// work collects one backend's reports until ctx ends.
	work func(ctx context.Context, w *worker)

	// wanted holds the newest list that Run has not seen yet.
	wanted chan []scorer.Backend
	// setting keeps two SetBackends from passing each other.
	setting sync.Mutex
	// workers is published by Run, sorted by backend.
	workers atomic.Pointer[[]*worker]
}

// worker is one backend's goroutine, which owns the journal but for its status.
type worker struct {
	journal
	origin string
	key    scorer.Backend
	out    chan<- scorer.Report
	cancel context.CancelFunc
	done   chan struct{}
}

func newRoster(origin string, logger *slog.Logger, backends []scorer.Backend, work func(context.Context, *worker)) *roster {
	r := &roster{origin: origin, logger: logger, work: work, wanted: make(chan []scorer.Backend, 1)}
	r.SetBackends(backends)
	return r
}

// Origin is the Report.Origin of every report: the kind of source and what it
// asks, without user, password and query. It never changes.
func (r *roster) Origin() string { return r.origin }

// SetBackends replaces the list of backends to ask; it never blocks. A backend
// that stays keeps its connection and its counters.
func (r *roster) SetBackends(backends []scorer.Backend) {
	r.setting.Lock()
	defer r.setting.Unlock()
	select {
	case <-r.wanted:
	default:
	}
	r.wanted <- slices.Clone(backends)
}

// Status has an entry for each backend, sorted by name.
func (r *roster) Status() []BackendStatus {
	workers := r.workers.Load()
	if workers == nil {
		return nil
	}
	out := make([]BackendStatus, len(*workers))
	for i, one := range *workers {
		out[i] = one.status.Load().clone()
	}
	return out
}

// Run collects until ctx ends and returns nil when every worker has ended. It
// must not be called twice at once.
func (r *roster) Run(ctx context.Context, out chan<- scorer.Report) error {
	running := map[scorer.Backend]*worker{}
	defer func() { stopAll(slices.Collect(maps.Values(running))) }()
	// After a restart the list is the one of the run before.
	if workers := r.workers.Load(); workers != nil {
		for _, one := range *workers {
			running[one.key] = r.start(ctx, one.key, out)
		}
		r.publish(running)
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case backends := <-r.wanted:
			r.follow(ctx, running, backends, out)
			r.publish(running)
		}
	}
}

func (r *roster) start(ctx context.Context, b scorer.Backend, out chan<- scorer.Report) *worker {
	ctx, cancel := context.WithCancel(ctx)
	one := &worker{
		journal: newJournal(b.Name, r.logger.With("source", r.origin, "backend", b.Name)),
		origin:  r.origin, key: b, out: out, cancel: cancel, done: make(chan struct{}),
	}
	one.publishStatus()
	go func() {
		defer close(one.done)
		r.work(ctx, one)
	}()
	return one
}

// stopAll ends workers and waits until none runs.
func stopAll(workers []*worker) {
	for _, w := range workers {
		w.cancel()
	}
	for _, w := range workers {
		<-w.done
	}
}

// follow starts and stops workers until they are those of the list.
func (r *roster) follow(ctx context.Context, running map[scorer.Backend]*worker, backends []scorer.Backend, out chan<- scorer.Report) {
	stay := map[scorer.Backend]bool{}
	for _, b := range backends {
		stay[keyOf(b)] = true
	}
	var gone []*worker
	for key, one := range running {
		if !stay[key] {
			gone = append(gone, one)
			delete(running, key)
		}
	}
	stopAll(gone)
	for key := range stay {
		if running[key] == nil {
			running[key] = r.start(ctx, key, out)
		}
	}
}

func (r *roster) publish(running map[scorer.Backend]*worker) {
	workers := slices.SortedFunc(maps.Values(running), func(a, b *worker) int {
		return cmp.Or(cmp.Compare(a.key.Name, b.key.Name), cmp.Compare(a.key.Address, b.key.Address))
	})
	r.workers.Store(&workers)
}

// keyOf is what makes a backend another one to ask: its capacity and condition
// do not.
func keyOf(b scorer.Backend) scorer.Backend {
	return scorer.Backend{Name: b.Name, Address: b.Address}
}

// send hands over a report; it waits until ctx ends at most.
func (w *worker) send(ctx context.Context, report scorer.Report) {
	select {
	case w.out <- report:
		w.state.Reports++
	case <-ctx.Done():
	}
}
