package haproxy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// watched lists the backends that somebody wants to know of.
func (p *Proxy) watched() []*Backend {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]*Backend, 0, len(p.backends))
	for _, b := range p.backends {
		if b.watchers.Load() > 0 && b.bad == nil {
			out = append(out, b)
		}
	}
	slices.SortFunc(out, func(a, b *Backend) int { return strings.Compare(a.name, b.name) })
	return out
}

// watchedNames are the names of the backends that somebody wants to know of.
func (p *Proxy) watchedNames() []string {
	backends := p.watched()
	out := make([]string, len(backends))
	for i, b := range backends {
		out[i] = b.name
	}
	return out
}

// Run polls until ctx ends. It outlives every failure of HAProxy: a poll that
// fails is logged once, and the next one tries again.
func (p *Proxy) Run(ctx context.Context) {
	p.running.Store(true)
	defer p.running.Store(false)
	defer p.session.Close()
	if p.old != nil {
		var group sync.WaitGroup
		defer group.Wait()
		old, cancel := context.WithCancel(ctx)
		defer cancel()
		group.Go(func() { p.old.run(old, p.watchedNames) })
	}
	failing := false
	for ctx.Err() == nil {
		began := time.Now()
		err := p.Poll(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			p.log.Error("HAProxy cannot be read", "error", err)
		case err == nil && failing:
			p.log.Info("HAProxy can be read again")
		}
		failing = err != nil
		rest := p.state.Load().interval - time.Since(began)
		if failing {
			pause(ctx, rest)
		} else {
			p.keepWatch(ctx, rest)
		}
	}
}

// Poll reads what the watched backends have, once. Run does it for as long as it
// runs; without it, Apply and Restore do.
func (p *Proxy) Poll(ctx context.Context) error {
	p.reading.Lock()
	defer p.reading.Unlock()
	began := time.Now()
	backends := p.watched()
	err := p.poll(ctx, backends)
	for errors.Is(err, errReplaced) && pause(ctx, replacedPause) {
		err = p.poll(ctx, backends)
	}
	if err == nil {
		p.renew(ctx, backends)
	}
	took := time.Since(began)
	n := p.stats.polls.Add(1)
	p.stats.lastPoll.Store(int64(took))
	interval := p.config.PollInterval
	if err == nil {
		p.quick[n%pollMemory] = took
		interval = max(interval, min(pollShare*quickest(p.quick[:]), slowestPoll))
	} else {
		p.stats.pollErrors.Add(1)
	}
	p.publish(&pollState{at: time.Now(), err: err, interval: interval})
	return err
}

// succeeded polls the process that has taken the place of the present one. That one
// may go on to show what it has, so that a poll has to ask who answers.
func (p *Proxy) succeeded(ctx context.Context) error {
	p.reading.Lock()
	p.infoAt = time.Time{}
	p.reading.Unlock()
	return p.Poll(ctx)
}

// quickest is the shortest of the polls that there have been.
func quickest(polls []time.Duration) time.Duration {
	out := time.Duration(0)
	for _, took := range polls {
		if took > 0 && (out == 0 || took < out) {
			out = took
		}
	}
	return out
}

func (p *Proxy) publish(s *pollState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.Store(s)
	close(p.polled)
	p.polled = make(chan struct{})
}

// fresh returns a view of b that is no older than one poll that was missed, or
// why there is none.
func (p *Proxy) fresh(ctx context.Context, b *Backend) (*view, error) {
	if b.bad != nil {
		return nil, b.bad
	}
	for {
		p.mu.Lock()
		polled := p.polled
		p.mu.Unlock()
		if s := p.state.Load(); s != nil && time.Since(s.at) < s.interval+p.config.PollInterval {
			if s.err != nil {
				return nil, s.err
			}
			// The backend may not have been watched until now.
			oldest := time.Now().Add(-2 * (s.interval + p.config.PollInterval))
			if v := b.view.Load(); v != nil && v.at.After(oldest) {
				return v, nil
			}
			if why := b.absent.Load(); why != nil && why.at.After(oldest) {
				return nil, why.err
			}
		}
		if !p.running.Load() {
			if err := p.Poll(ctx); err != nil {
				return nil, err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: waiting for a poll: %w", p.session.name, ctx.Err())
		case <-polled:
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
