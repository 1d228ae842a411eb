package haproxy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// poll reads everything once and hands it to the backends.
func (p *Proxy) poll(ctx context.Context, backends []*Backend) error {
	for {
		again, err := p.readOnce(ctx, backends)
		if err != nil {
			// Nothing is sure any more, least of all who answers next.
			p.infoAt, p.initialAt = time.Time{}, time.Time{}
			return err
		}
		if !again {
			return nil
		}
	}
}

// readOnce is one exchange. It reports whether it has to be repeated, as the
// process turned out to be another one than was thought.
func (p *Proxy) readOnce(ctx context.Context, backends []*Backend) (again bool, err error) {
	began := time.Now()
	var requests []request
	info := process{}
	met := p.infoAt.IsZero() || began.Sub(p.infoAt) >= infoEvery || p.session.connects.Load() != p.connects
	if met {
		requests = append(requests, request{"show info", func(text []byte) (err error) { info, err = parseInfo(text); return err }})
	}
	if p.initialLack || began.Sub(p.initialAt) >= initialEvery {
		clear(p.initial)
		maps.DeleteFunc(p.ids, func(_ string, id int64) bool { return id == noID })
		requests = append(requests, p.initialRequests(backends)...)
		p.initialLack, p.initialAt = false, began
	}
	collected, statistics := p.statRequests(backends)
	requests = append(requests, statistics...)

	commands := make([]string, len(requests))
	for i := range requests {
		commands[i] = requests[i].command
	}
	at, err := p.session.Exchange(ctx, commands, func(i int, text []byte) error {
		if severityOf(text) < 0 {
			return requests[i].read(text)
		}
		if err := refused(commands[i], text); !errors.Is(err, ErrNoSuchBackend) {
			return err
		}
		return nil // one backend that is gone is no trouble of the others
	})
	if err != nil {
		return false, err
	}
	connects := p.session.connects.Load()
	lost := !met && (connects != p.connects || p.lost(backends, collected))
	if lost {
		// Before anything is believed: who answers?
		p.infoAt = time.Time{}
		return true, nil
	}
	if met {
		p.connects, p.infoAt = connects, began
		if again, err := p.meet(info); again || err != nil {
			return again, err
		}
	}
	p.hand(backends, collected, at)
	return false, nil
}

// lost says whether a backend that was there a poll ago is not any more: a
// worker that a reload has replaced shows none.
func (p *Proxy) lost(backends []*Backend, all map[string]*collected) bool {
	for _, b := range backends {
		if b.view.Load() != nil && all[b.name].empty() {
			return true
		}
	}
	return false
}

// errReplaced is a worker's that a reload has replaced.
var errReplaced = errors.New("this HAProxy process has been replaced by a reload; its successor is connected to next")

// meet notes which process answers, and reports whether everything has to be
// read again because it is another one.
func (p *Proxy) meet(now process) (again bool, err error) {
	if now.stopping {
		// The connection to a worker that was replaced would last as long as its
		// clients.
		p.session.Close()
		p.infoAt = time.Time{}
		p.leave(now.pid, time.Now())
		return false, fmt.Errorf("%s: pid %d: %w", p.session.name, now.pid, errReplaced)
	}
	if now.sameAs(p.process) {
		p.process = now
		return false, nil
	}
	if p.generation > 0 {
		p.log.Info("HAProxy was restarted or reloaded; weights are set again", "pid", now.pid, "before", p.process.pid)
		p.reread()
	}
	p.replaced, p.process = p.process.pid, now
	p.old.reading(now.pid)
	p.generation++
	if p.generation == 1 {
		return false, nil
	}
	p.initialLack = true
	clear(p.ids)
	return true, nil
}

// hand makes views and reports of what was collected.
func (p *Proxy) hand(backends []*Backend, all map[string]*collected, at time.Time) {
	for _, b := range backends {
		c := all[b.name]
		if c.empty() {
			p.ids[b.name] = noID
			b.missing(fmt.Errorf("%s: backend %s: %w", p.session.name, b.name, ErrNoSuchBackend), at)
			continue
		}
		b.rows = snug(c.servers)
		b.take(p.view(b, c, at))
	}
}

// snug gives back the room that growing has left, up to half of what 10,000
// servers take: polls to come find as many rows as this one.
func snug(rows []row) []row {
	if cap(rows) <= len(rows)+len(rows)/8 {
		return rows
	}
	return append(make([]row, 0, len(rows)), rows...)
}

func (p *Proxy) view(b *Backend, c *collected, at time.Time) *view {
	v := &view{at: at, generation: p.generation}
	servers := p.servers[:0]
	before := b.view.Load()
	v.algorithm = algorithmOf(c.whole.algorithm, p.inFile(b.name), p.process.version)
	for i := range c.servers {
		r := &c.servers[i]
		initial, ok := p.initial[[2]string{r.backend, r.server}]
		if !ok {
			// A server that was added since: its first weight is what it has, and
			// is looked up by the next poll.
			p.initialLack = p.initialLack || before == nil || !before.has(r.server)
			initial = r.weight
		}
		v.ramps = v.ramps || r.throttled
		servers = append(servers, server{
			name: r.server, address: r.address, status: r.status,
			weight: r.weight, initial: initial, agent: r.agent,
		})
	}
	p.servers = servers
	// Most polls find what the one before has found.
	if before != nil && slices.Equal(before.servers, servers) {
		v.servers, v.index = before.servers, before.index
		return v
	}
	v.servers = slices.Clone(servers)
	// One that was deleted and added again has another configured weight.
	p.initialLack = p.initialLack || (before != nil && !sameMachines(before.servers, v.servers))
	if before != nil && sameNames(before.servers, v.servers) {
		v.index = before.index
		return v
	}
	v.index = make(map[string]int, len(v.servers))
	for i := range v.servers {
		v.index[v.servers[i].name] = i
	}
	return v
}
