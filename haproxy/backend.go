package haproxy

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// Backend is one backend of a proxy: a source of reports, a discoverer of its
// servers, and a target.
type Backend struct {
	proxy *Proxy
	name  string
	// bad is why HAProxy is never asked for a backend of this name.
	bad error

	// watchers is how many want to know of it.
	watchers atomic.Int32
	view     atomic.Pointer[view]
	// absent is why there is no view, nil while there is one.
	absent atomic.Pointer[absence]

	mu        sync.Mutex
	reports   []*reader
	members   []chan []scorer.Backend
	announced []scorer.Backend

	// Owned by the poll.
	rows       []row
	histories  map[string]*history
	generation int

	// Owned by Apply and Restore, which are never called at once.
	following follower
}

// absence is that HAProxy had no such backend when it was asked.
type absence struct {
	err error
	at  time.Time
}

func newBackend(p *Proxy, name string) *Backend {
	b := &Backend{proxy: p, name: name, histories: map[string]*history{}, following: newFollower()}
	if err := checkName("backend", name); err != nil {
		b.bad = fmt.Errorf("%s: %w", p.session.name, err)
	}
	return b
}

// Name is HAProxy's name of the backend.
func (b *Backend) Name() string { return b.name }

// size is how many servers the backend had last.
func (b *Backend) size() int {
	if v := b.view.Load(); v != nil {
		return len(v.servers)
	}
	return 0
}

// missing notes that HAProxy has no such backend.
func (b *Backend) missing(err error, at time.Time) {
	if b.absent.Swap(&absence{err, at}) == nil {
		b.proxy.log.Error("HAProxy has no such backend", "backend", b.name)
	}
	b.view.Store(nil)
	clear(b.histories)
	b.announce([]scorer.Backend{})
}

// take hands a new view, and the rows that it was made of, to everybody who
// waits for them.
func (b *Backend) take(v *view) {
	rows := b.rows
	b.absent.Store(nil)
	before := b.view.Swap(v)
	if b.generation != v.generation {
		// Another process counts from 0.
		b.generation = v.generation
		clear(b.histories)
	}
	batch := b.room(len(rows))
	origin := b.proxy.Name()
	for i := range rows {
		r := &rows[i]
		h := b.histories[r.server]
		if h == nil {
			h = &history{}
			b.histories[r.server] = h
		}
		batch = append(batch, h.report(r.server, origin, countsOf(r, v.at)))
	}
	if len(b.histories) > 2*len(rows) {
		for name := range b.histories {
			if _, ok := v.index[name]; !ok {
				delete(b.histories, name)
			}
		}
	}
	if before == nil || !sameMembers(before, v) {
		members := make([]scorer.Backend, len(v.servers))
		for i := range v.servers {
			members[i] = v.servers[i].backend()
		}
		b.announce(members)
	}
	b.send(batch)
}

func (b *Backend) announce(members []scorer.Backend) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.announced != nil && slices.Equal(members, b.announced) {
		return
	}
	b.announced = members
	for _, to := range b.members {
		replace(to, members)
	}
}

// reader takes reports, a poll's at a time, and gives back the room that they
// were in.
type reader struct {
	batches, used chan []scorer.Report
}

func newReader() *reader {
	return &reader{make(chan []scorer.Report, reportSlack), make(chan []scorer.Report, 1)}
}

// room is space for a poll's reports: what a reader has done with where there is
// only one, as nearly always.
func (b *Backend) room(reports int) []scorer.Report {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.reports) == 1 {
		select {
		case used := <-b.reports[0].used:
			if cap(used) >= reports {
				return used[:0]
			}
		default:
		}
	}
	return make([]scorer.Report, 0, reports)
}

// send never waits: who is slow loses the oldest reports, whose intervals go
// with them.
func (b *Backend) send(batch []scorer.Report) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, to := range b.reports {
		select {
		case to.batches <- batch:
		default:
			select {
			case <-to.batches:
			default:
			}
			select {
			case to.batches <- batch:
			default:
			}
		}
	}
}

// replace leaves only the newest value in a channel of one.
func replace[T any](to chan T, value T) {
	select {
	case <-to:
	default:
	}
	to <- value
}

// reportSlack is how many polls a reader of reports may be behind.
const reportSlack = 8

// Reports is what HAProxy counts of each server, as a source.
func (b *Backend) Reports() tuner.Source { return reports{b} }

type reports struct{ *Backend }

// Run implements tuner.Source.
func (b reports) Run(ctx context.Context, out chan<- scorer.Report) error {
	if b.bad != nil {
		return b.bad
	}
	me := newReader()
	b.watchers.Add(1)
	defer b.watchers.Add(-1)
	b.mu.Lock()
	b.Backend.reports = append(b.Backend.reports, me)
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.Backend.reports = slices.DeleteFunc(b.Backend.reports, func(r *reader) bool { return r == me })
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case batch := <-me.batches:
			for _, r := range batch {
				select {
				case <-ctx.Done():
					return nil
				case out <- r:
				}
			}
			select {
			case me.used <- batch:
			default:
			}
		}
	}
}

// Members is who the backend's servers are and how they do, as a discoverer.
func (b *Backend) Members() tuner.Discoverer { return members{b} }

type members struct{ *Backend }

// Run implements tuner.Discoverer.
func (b members) Run(ctx context.Context, out chan<- []scorer.Backend) error {
	if b.bad != nil {
		return b.bad
	}
	lists := make(chan []scorer.Backend, 1)
	b.watchers.Add(1)
	defer b.watchers.Add(-1)
	b.mu.Lock()
	b.Backend.members = append(b.Backend.members, lists)
	if b.announced != nil {
		lists <- b.announced
	}
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.Backend.members = slices.DeleteFunc(b.Backend.members, func(c chan []scorer.Backend) bool { return c == lists })
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case list := <-lists:
			select {
			case <-ctx.Done():
				return nil
			case out <- list:
			}
		}
	}
}
