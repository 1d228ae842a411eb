package haproxy

import (
	"context"
	"errors"
	"time"
)

// glanceEvery is how often HAProxy is asked who it is between polls. A worker
// that a reload has replaced neither ends a connection nor says anything of its
// own accord, and until its successor is noticed that one balances by the
// configured weights. An answer costs both sides some 30 µs.
const glanceEvery = 100 * time.Millisecond

// keepWatch waits for d, or until HAProxy turns out to be another process or in
// trouble, of which the next poll tells more.
func (p *Proxy) keepWatch(ctx context.Context, d time.Duration) {
	until := time.Now().Add(d)
	for time.Until(until) > glanceEvery {
		if !pause(ctx, glanceEvery) || !p.glance(ctx) {
			return
		}
	}
	pause(ctx, time.Until(until))
}

// glance reports whether the process that answers is still the same.
func (p *Proxy) glance(ctx context.Context) (same bool) {
	p.reading.Lock()
	defer p.reading.Unlock()
	began := time.Now()
	var now process
	_, err := p.session.Exchange(ctx, []string{"show info"}, func(_ int, text []byte) (err error) {
		now, err = parseInfo(text)
		return err
	})
	if err == nil && now.sameAs(p.process) && p.session.connects.Load() == p.connects {
		p.process, p.infoAt = now, began
		return true
	}
	switch {
	case err == nil && now.stopping:
		// Its connections keep an old worker alive.
		p.session.Close()
		p.leave(now.pid, time.Now())
	case errors.Is(err, ErrHung):
		// Whoever waits for a poll has waited long enough.
		p.stats.pollErrors.Add(1)
		p.publish(&pollState{at: time.Now(), err: err, interval: p.config.PollInterval})
	}
	p.infoAt = time.Time{}
	return false
}

// succeed hands what the process before had of b on to the old workers.
func (p *Proxy) succeed(b *Backend, before *view) {
	if p.old != nil && before != nil && p.running.Load() {
		p.old.inherit(p.replaced, b.name, before, b.histories)
	}
}
