package haproxy

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// oldEvery is how often old workers are asked.
	oldEvery = time.Second
	// oldAtOnce is how many of them are asked at a time, in turn when there are
	// more: reload storms leave dozens behind, and the work of asking them is
	// the machine's.
	oldAtOnce = 8
	// oldKept is how many of them are counted: more than that, the oldest are
	// left out.
	oldKept = 64
	// oldTimeout is how long a round of asking may take.
	oldTimeout = 4 * time.Second
	// oldMemory is for how long they are believed to have what they had, while
	// the master does not answer.
	oldMemory = 5 * time.Second
)

// oldWorkers are the processes behind a master socket that reloads have
// replaced: their connections are still work of the servers.
type oldWorkers struct {
	master *Session
	log    *slog.Logger
	parser *statParser
	rows   []row
	// wake asks for a round before its time.
	wake chan struct{}

	mu sync.Mutex
	// present is the process that the polls read. Between a reload and the poll
	// that notices it the master calls it old; until then it is counted there.
	present int64
	// replaced is that the master called that one old, when asked last.
	replaced bool
	workers  map[int64]*oldWorker
	// shares are what they have in all, by backend, server and the address that
	// the server has there.
	shares map[string]map[serverAt]inheritance
	// answered is when the master has answered last, failure why it has not for
	// longer than it takes to start again, as it does with every reload.
	answered time.Time
	failure  error
	// crowded says that there are more of them than are counted.
	crowded bool
}

// newOldWorkers returns nil where there is no master socket.
func newOldWorkers(socket string, log *slog.Logger) (*oldWorkers, error) {
	if socket == "" {
		return nil, nil
	}
	master, err := newSession("haproxy master "+socket, socket, masterDialect())
	if err != nil {
		return nil, err
	}
	return &oldWorkers{
		master: master, log: log, parser: newStatParser(), wake: make(chan struct{}, 1),
		workers: map[int64]*oldWorker{}, answered: time.Now(), shares: map[string]map[serverAt]inheritance{},
	}, nil
}

// run asks until ctx ends.
func (o *oldWorkers) run(ctx context.Context, backends func() []string) {
	tick := time.NewTicker(oldEvery)
	defer tick.Stop()
	for {
		o.round(ctx, backends())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-o.wake:
		}
	}
}

// reading notes the process that the polls read from now on.
func (o *oldWorkers) reading(pid int64) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.present, o.replaced = pid, false
}

// replacing says whether another process is taking over just now, so that what is
// counted is only a part of what is open.
func (o *oldWorkers) replacing() bool {
	if o == nil {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, w := range o.workers {
		if w.asked.IsZero() {
			return true
		}
	}
	return o.replaced
}

// inherit makes an old worker of the one that was the present one until now.
func (o *oldWorkers) inherit(pid int64, backend string, before *view, histories map[string]*history) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if w := o.see(pid, time.Now()); w != nil {
		w.leave(backend, before, histories)
		o.add()
	}
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// round asks the master for its old workers, and some of those for what they
// have. The connection is closed after it: through the master, it would keep an
// old worker alive.
func (o *oldWorkers) round(ctx context.Context, backends []string) {
	if len(backends) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, oldTimeout)
	defer cancel()
	defer o.master.Close()
	began := time.Now()
	pids, err := askOldWorkers(ctx, o.master)
	now := time.Now()
	if err == nil {
		for _, w := range o.due(pids, began, now) {
			o.ask(ctx, w, backends, now)
		}
	}
	o.conclude(err, now)
}

// due notes which old workers there are, as the master said to who asked at the
// time, and returns those whose turn it is.
func (o *oldWorkers) due(pids []int64, asked, now time.Time) []*oldWorker {
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.DeleteFunc(o.workers, func(pid int64, w *oldWorker) bool {
		return !slices.Contains(pids, pid) && w.seen.Before(asked)
	})
	o.replaced = slices.Contains(pids, o.present)
	pids = slices.DeleteFunc(pids, func(pid int64) bool { return pid == o.present })
	for _, pid := range pids {
		o.see(pid, now)
	}
	if crowded := len(pids) > oldKept; crowded != o.crowded {
		o.crowded = crowded
		o.log.Warn("old workers of HAProxy are counted up to a number", "old_workers", len(pids), "counted", min(len(pids), oldKept))
	}
	var out []*oldWorker
	for _, w := range o.workers {
		if now.Sub(w.asked) >= oldEvery-oldEvery/10 {
			out = append(out, w)
		}
	}
	slices.SortFunc(out, func(a, b *oldWorker) int {
		return cmp.Or(a.asked.Compare(b.asked), cmp.Compare(a.pid, b.pid))
	})
	return out[:min(len(out), oldAtOnce)]
}

// ask reads what one old worker has. One that does not answer is asked again in
// its turn: it may have ended meanwhile.
func (o *oldWorkers) ask(ctx context.Context, w *oldWorker, backends []string, now time.Time) {
	o.mu.Lock()
	w.asked = now
	commands := w.commands(backends)
	o.mu.Unlock()
	o.rows = o.rows[:0]
	o.parser.rewind()
	at, err := o.master.Exchange(ctx, commands, func(_ int, text []byte) error {
		return o.parser.parse(text, func(r *row) { o.rows = append(o.rows, *r) })
	})
	if err != nil {
		o.log.Debug("an old worker cannot be asked", "pid", w.pid, "error", err)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	w.take(o.rows, backends, at, func(backend, server string, s *oldServer, done progress) {
		if done.finished == 0 && done.failed == 0 && done.upgrades == 0 {
			return
		}
		shares := o.sharesOf(backend)
		share := shares[serverAt{server, s.address}]
		share.done.include(done)
		shares[serverAt{server, s.address}] = share
	})
}

// see notes that there is an old worker and returns it; nil when there are too
// many.
func (o *oldWorkers) see(pid int64, now time.Time) *oldWorker {
	w := o.workers[pid]
	if w == nil && len(o.workers) < oldKept {
		w = &oldWorker{pid: pid, backends: map[string]*oldBackend{}}
		o.workers[pid] = w
	}
	if w != nil {
		w.seen = now
	}
	return w
}

// conclude adds up and says what has become of the master.
func (o *oldWorkers) conclude(err error, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil {
		o.answered = now
	} else if now.Sub(o.answered) < oldMemory {
		err = nil
	}
	switch {
	case err != nil && o.failure == nil:
		o.log.Error("HAProxy's master cannot be asked for old workers; their connections are not counted", "error", err)
	case err == nil && o.failure != nil:
		o.log.Info("HAProxy's master can be asked again")
	}
	o.failure = err
	maps.DeleteFunc(o.workers, func(_ int64, w *oldWorker) bool { return now.Sub(w.seen) > oldMemory })
	o.add()
}

// trouble is why old workers cannot be counted, nil when they can.
func (o *oldWorkers) trouble() error {
	if o == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failure
}
