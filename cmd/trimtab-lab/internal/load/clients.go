package load

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/alarm"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/machine"
)

// Clients are WebSocket clients that live. Their messages' latency counts from
// the instant at which they were to be sent, or at which their connection was open
// if that was later. Handshakes that fail count as requests that fail.
type Clients struct {
	opts   ClientOptions
	client *http.Client
	alarm  *alarm.Alarm
	start  time.Time
	places places

	cancel  context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	due      agenda
	armed    time.Duration
	outcomes []outcome
	// busy is handshakes and messages under way.
	busy   int
	open   int
	opened []opening
	lost   []Loss
	result ClientResult
}

// StartClients begins at the instant start, which should lie a little ahead. The
// caller has to call Stop.
func StartClients(ctx context.Context, opts ClientOptions, start time.Time) (*Clients, error) {
	if len(opts.URLs) == 0 {
		return nil, errors.New("load: clients need somewhere to connect to")
	}
	if err := machine.NeedFiles(len(opts.Clients)); err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	a, err := alarm.New()
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	c := &Clients{
		opts: opts, client: &http.Client{Transport: newTransport(1)}, alarm: a, start: start,
		places: placesOf(opts.Backends), cancel: cancel, armed: never,
		outcomes: make([]outcome, 0, opts.Messages),
	}
	for _, client := range opts.Clients {
		c.schedule(&player{client: client, place: unscheduled})
	}
	c.running.Go(func() { c.run(ctx) })
	return c, nil
}

// run lets everybody act in their time.
func (c *Clients) run(ctx context.Context) {
	defer context.AfterFunc(ctx, func() { _ = c.alarm.Close() })()
	c.mu.Lock()
	c.arm()
	c.mu.Unlock()
	for c.alarm.Wait() == nil {
		c.mu.Lock()
		c.armed = never
		for len(c.due) > 0 && c.due[0].at <= c.elapsed() && ctx.Err() == nil {
			p := c.due[0]
			c.act(ctx, p, p.client.Act())
			c.schedule(p)
		}
		c.arm()
		c.mu.Unlock()
	}
}

// act lets a client do something. The caller holds mu, as for schedule and arm.
func (c *Clients) act(ctx context.Context, p *player, a Act) {
	switch a.Kind {
	case Connect:
		c.busy++
		c.running.Go(func() { c.connect(ctx, p, a) })
	case Send:
		link, at := p.link, max(a.At, p.link.opened)
		m, ok := link.enqueue(len(c.outcomes), at)
		if !ok {
			c.outcomes = append(c.outcomes, outcome{at: at, status: broken, backend: nobody})
			return
		}
		c.busy++
		c.outcomes = append(c.outcomes, outcome{at: at, status: pending, backend: link.backend})
		c.running.Go(func() { link.send(ctx, m, a) })
	case Leave:
		link := p.link
		p.link = nil
		if link.leave() {
			c.running.Go(link.close)
		}
	}
}

// schedule finds out when a client acts next.
func (c *Clients) schedule(p *player) {
	at, acts := p.client.Next()
	acts = acts && at < c.opts.Length
	switch {
	case acts && p.place == unscheduled:
		p.at = at
		heap.Push(&c.due, p)
	case acts:
		p.at = at
		heap.Fix(&c.due, p.place)
	case p.place != unscheduled:
		heap.Remove(&c.due, p.place)
	}
}

// arm sets the alarm to the next act, if it is not set to that already.
func (c *Clients) arm() {
	if len(c.due) == 0 || c.due[0].at == c.armed {
		return
	}
	c.armed = c.due[0].at
	c.alarm.Set(time.Until(c.start.Add(c.armed)))
}

func (c *Clients) elapsed() time.Duration { return time.Since(c.start) }

// Settled waits until nobody acts any more and everything is answered.
func (c *Clients) Settled(ctx context.Context) error {
	tick := time.NewTicker(settlePeriod)
	defer tick.Stop()
	for !c.settled() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (c *Clients) settled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.elapsed() >= c.opts.Length && len(c.due) == 0 && c.busy == 0
}

// opening is when a connection was to be open, and how much later it was.
type opening struct{ at, late time.Duration }

// Result is how connections went so far, and in [from, to).
func (c *Clients) Result(from, to time.Duration) ClientResult {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.result
	var late []time.Duration
	for _, o := range c.opened {
		if o.at >= from && o.at < to {
			late = append(late, o.late)
		}
	}
	out.OpenLate = quantilesOf(late)
	for _, l := range c.lost {
		if l.At >= from && l.At < to {
			out.LostThen = append(out.LostThen, l)
		}
	}
	return out
}

// Stop breaks off all connections and waits for them.
func (c *Clients) Stop() {
	c.cancel()
	c.running.Wait()
	c.client.CloseIdleConnections()
}
