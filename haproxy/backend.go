package haproxy

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
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

	mu      sync.Mutex
	reports []*reader
	members feed[[]scorer.Backend]

	// Owned by the poll.
	announced  []scorer.Backend
	rows       []row
	histories  map[string]*history
	generation int
	// returned says that a server is back with a weight that trimtab has not set.
	returned bool

	// applying is held by whoever sets weights, who owns the fields below.
	applying  sync.Mutex
	following follower
	// standing is the plan that Apply was given last; no decisions when it is
	// not to be carried out.
	standing scorer.Plan
	// renewed ends a pulse that goes on while weights have to be set again.
	renewed chan struct{}
}

// absence is that HAProxy had no such backend when it was asked.
type absence struct {
	err error
	at  time.Time
}

func newBackend(p *Proxy, name string) *Backend {
	b := &Backend{proxy: p, name: name, histories: map[string]*history{}, following: newFollower(), renewed: make(chan struct{}, 1)}
	b.members.kept = true
	if err := checkName("backend", name); err != nil {
		b.bad = fmt.Errorf("%s: %w", p.session.name, err)
	}
	return b
}

// Name is HAProxy's name of the backend.
func (b *Backend) Name() string { return b.name }

// Origin is the Report.Origin of its reports. Two backends of one proxy may be in one
// pool, where what both count adds up.
func (b *Backend) Origin() string { return b.proxy.Name() + "#" + b.name }

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
	start := history{}
	if b.generation != v.generation {
		b.generation = v.generation
		b.proxy.succeed(b, before)
		b.histories = map[string]*history{}
		b.returned = true
		if before != nil {
			// Another process counts from 0, and was not there a poll ago.
			start = history{known: true, last: counts{at: before.at}}
		}
	}
	b.returned = b.returned || (before != nil && comesBack(before, v))
	batch := b.room(len(rows))
	origin := b.Origin()
	old := b.proxy.old.claim(b.name)
	for i := range rows {
		r := &rows[i]
		h := b.histories[r.server]
		if h == nil {
			h = new(history)
			*h = start
			b.histories[r.server] = h
		}
		batch = append(batch, h.report(r.server, origin, countsOf(r, v.at), old[serverAt{r.server, r.address}]))
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
