package loadstats

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// longestPause is how long a report may wait for others, so that they go on
// together: little beside the second from step to step.
const longestPause = 50 * time.Millisecond

// readers are the mailboxes of who reads the reports, by pool.
type readers struct {
	mu     sync.RWMutex
	byPool map[string][]*mailbox
}

func (r *readers) join(pool string, m *mailbox) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byPool[pool] = append(r.byPool[pool], m)
}

func (r *readers) leave(pool string, m *mailbox) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byPool[pool] = slices.DeleteFunc(r.byPool[pool], func(other *mailbox) bool { return other == m })
	if len(r.byPool[pool]) == 0 {
		delete(r.byPool, pool)
	}
}

// send hands a batch to every reader of a pool.
func (r *readers) send(pool, origin string, reports []scorer.Report) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for i, m := range r.byPool[pool] {
		if i > 0 {
			reports = apart(reports)
		}
		m.put(origin, reports)
	}
}

func (r *readers) forget(origin string) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, mailboxes := range r.byPool {
		for _, m := range mailboxes {
			m.forget(origin)
		}
	}
}

// apart copies reports with the maps that a pool takes for its own.
func apart(reports []scorer.Report) []scorer.Report {
	reports = slices.Clone(reports)
	for i := range reports {
		reports[i].Named = maps.Clone(reports[i].Named)
	}
	return reports
}

// Reports is what all data planes report of a pool, as a source. Its reports
// have the origin [OriginEnvoy] or [OriginGRPC] and the data plane's node ID,
// followed by #2, #3 … where several streams of one node are open. It may be made
// before the pool is in the mapping. keep, where it is not nil, says which reports
// are passed on; it is called from the source's goroutine.
func (s *Server) Reports(pool string, keep func(*scorer.Report) bool) tuner.Source {
	return reports{s, pool, keep}
}

type reports struct {
	server *Server
	pool   string
	keep   func(*scorer.Report) bool
}

// Run implements tuner.Source.
func (r reports) Run(ctx context.Context, out chan<- scorer.Report) error {
	me := newMailbox()
	r.server.readers.join(r.pool, me)
	defer r.server.readers.leave(r.pool, me)
	// A hundred data planes would wake the pool five hundred times a second, which
	// costs more than the reports do. The first one after a silence goes on at once.
	pause := time.NewTimer(longestPause)
	defer pause.Stop()
	var room []scorer.Report
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-me.filled:
		}
		var ok bool
		if room, ok = r.deliver(ctx, me, room, out); !ok {
			return nil
		}
		pause.Reset(min(r.server.interval.get()/4, longestPause))
		select {
		case <-ctx.Done():
			return nil
		case <-pause.C:
		}
	}
}

// deliver sends all that waits, and returns room for the next time; ok says that ctx
// is still alive.
func (r reports) deliver(ctx context.Context, from *mailbox, room []scorer.Report, out chan<- scorer.Report) (_ []scorer.Report, ok bool) {
	for {
		batch, waits := from.take(room)
		if !waits {
			return batch, true
		}
		for i := range batch {
			if r.keep != nil && !r.keep(&batch[i]) {
				continue
			}
			if !send(ctx, out, &batch[i]) {
				return nil, false
			}
		}
		room = batch
	}
}

// send reports whether ctx is still alive. There is mostly room, and a select that
// cannot wait takes it for less than one that can.
func send(ctx context.Context, out chan<- scorer.Report, r *scorer.Report) bool {
	select {
	case out <- *r:
		return true
	default:
	}
	select {
	case out <- *r:
		return true
	case <-ctx.Done():
		return false
	}
}
