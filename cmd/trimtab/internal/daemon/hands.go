package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/haproxy"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

const (
	// handsRest is the part of a tick that is left for what closing itself takes.
	handsRest = 5
	// hookEvery is the time between two requests to one backend's hook.
	hookEvery = 200 * time.Millisecond
)

// hands close a pool's connections, backend by backend at the same time:
//
//	plan ─▶ hands ─┬─ with shed.hook: POST /shed at the backend, which closes politely
//	               └─ else: HAProxy closes, each its part, by session
//
// With a hook HAProxy closes nothing: who has taught backends to say goodbye does not
// want their connections cut because a token is wrong. Where there is neither, nothing
// can be closed, which is said.
type hands struct {
	hook    *shedHook // nil without
	order   haproxy.Order
	closers map[string]closer // by target
	idle    idle
}

// closer closes connections of one server; a *haproxy.Closer is one.
type closer interface {
	Close(ctx context.Context, r haproxy.CloseRequest) (haproxy.CloseResult, error)
}

func newHands(c config.Pool) (*hands, error) {
	h := &hands{order: haproxy.Oldest, closers: map[string]closer{}}
	if c.Shed == nil {
		return h, nil
	}
	h.order = haproxy.Order(c.Shed.Order)
	if c.Shed.Hook == nil {
		return h, nil
	}
	var err error
	h.hook, err = newShedHook(c.Shed.Hook, c.Shed.Order)
	return h, err
}

// errNoHands is a target whose data plane cannot close some of a backend's connections.
var errNoHands = errors.New("cannot close some of a backend's connections: have the backends do it (shed.hook)")

// helpless says why the connections of a pool cannot be closed, "" when they can.
func (h *hands) helpless() string {
	if h.hook != nil || len(h.closers) > 0 {
		return ""
	}
	return "no connection can be asked to reconnect: of its data planes none can close some of a backend's connections; have the backends do it (shed.hook)"
}

// Shed implements [tuner.Hands].
func (h *hands) Shed(ctx context.Context, p scorer.Plan, until time.Time) []tuner.ShedResult {
	// A plan that comes late, since closing for the one before took its time, is not
	// carried out in what is left of its own: that would be a burst.
	over := max(time.Until(until), until.Sub(p.At)/2)
	over -= over / handsRest
	var mu sync.Mutex
	var out []tuner.ShedResult
	var group sync.WaitGroup
	do := func(backend string, act func() (int, error)) {
		group.Go(func() {
			count, err := act()
			mu.Lock()
			defer mu.Unlock()
			out = append(out, tuner.ShedResult{
				Closed: scorer.Closed{Backend: backend, Seq: p.Seq, At: time.Now(), Count: count}, Err: err,
			})
		})
	}
	for i := range p.Decisions {
		d := &p.Decisions[i]
		switch {
		case d.Shed.Count == 0:
		case h.hook != nil:
			do(d.Backend, func() (int, error) { return h.ask(ctx, d, over) })
		case len(d.Shed.Parts) == 0:
			do(d.Backend, func() (int, error) { return 0, errors.New("no data plane says that it holds them") })
		default:
			for _, part := range d.Shed.Parts {
				do(d.Backend, func() (int, error) { return h.close(ctx, d.Backend, part, over) })
			}
		}
	}
	group.Wait()
	return out
}

// ask has the backend ask its connections to leave, in some portions: of each as many as
// are due by then, what it lets go late or answers late included.
func (h *hands) ask(ctx context.Context, d *scorer.Decision, over time.Duration) (asked int, err error) {
	portions := min(max(int(over/hookEvery), 1), d.Shed.Count)
	every := max(over/time.Duration(portions), time.Millisecond)
	began := time.Now()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for portion := 1; ; {
		if due := d.Shed.Count*portion/portions - asked; due > 0 {
			var n int
			n, err = h.hook.shed(ctx, d.Backend, due, d.Shed.Why)
			asked += n
			if err != nil && !errors.Is(err, errLimited) {
				return asked, err
			}
		}
		if portion == portions {
			break
		}
		select {
		case <-ctx.Done():
			return asked, ctx.Err()
		case <-tick.C:
		}
		portion = min(int(time.Since(began)/every)+1, portions)
	}
	if err == nil {
		err = h.idle.found(d.Backend, asked, "those that it has were asked and stay, or it cannot ask them (shed hook)")
	}
	return asked, err
}

// closePatience is how much longer than its time a closing may take.
const closePatience = 3 * time.Second

// close has one target's data plane close its part.
func (h *hands) close(ctx context.Context, backend string, part scorer.ShedPart, over time.Duration) (int, error) {
	c := h.closers[part.Target]
	if c == nil {
		return 0, fmt.Errorf("%s %w", part.Target, errNoHands)
	}
	// The next plan waits for this one's hands: none may keep them for long.
	ctx, cancel := context.WithTimeout(ctx, over+closePatience)
	defer cancel()
	result, err := c.Close(ctx, haproxy.CloseRequest{
		Selection: haproxy.Selection{Server: backend, Order: h.order, Jitter: 1},
		Count:     part.Count, Over: over,
	})
	if err == nil {
		err = h.idle.found(backend+" "+part.Target, result.Asked, part.Target+" closes tunnels, as WebSockets are, and what it holds are requests, responses or too young")
	}
	return result.Closed, err
}

func (h *hands) end() {
	if h.hook != nil {
		h.hook.close()
	}
}

// helpless is the advice for a pool that is to move connections and cannot; "" for
// any other.
func (p *pool) helpless(s *tuner.Snapshot) string {
	wanted := p.config.Shed != nil || s.Orders.Rebalance != nil
	for _, d := range s.Orders.Drains {
		wanted = wanted || d.Over > 0
	}
	if !wanted {
		return ""
	}
	return p.hands.helpless()
}

// EstimateShed returns what an order to rebalance would do. Errors are [ErrNoPool] and
// those of [tuner.Tuner.EstimateShed]. It is safe for concurrent use.
func (f *Fleet) EstimateShed(ctx context.Context, name string) (scorer.ShedEstimate, error) {
	p, err := f.pool(name)
	if err != nil {
		return scorer.ShedEstimate{}, err
	}
	estimate, err := p.tuner.EstimateShed(ctx)
	if err != nil {
		return scorer.ShedEstimate{}, fmt.Errorf("pool %s: %w", name, err)
	}
	if why := p.hands.helpless(); why != "" {
		estimate.Held = sentences(estimate.Held, why)
	}
	return estimate, nil
}
