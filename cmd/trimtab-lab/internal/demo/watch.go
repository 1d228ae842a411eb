package demo

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/child"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/load"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/stack"
)

// watchPeriod is how often the proxies' weights are read and the view is renewed.
const watchPeriod = 500 * time.Millisecond

// mostMissed is how many looks in a row a proxy may leave unanswered: on a machine that is
// too busy one is late now and then, which does not spoil what is measured otherwise.
const mostMissed = 5

// watcher looks at the stacks while the acts go on: it shows them, and
// remembers when the failing backend was in and out of service.
type watcher struct {
	stacks  []*entry
	compare *stack.Comparison
	display Display

	mu  sync.Mutex
	act string
	// end is when the demo is over, as far as is known.
	end time.Duration
}

// entry is one stack and what was seen of it.
type entry struct {
	name  string
	stack *stack.Stack
	// tuner is nil where nobody tunes.
	tuner *child.Process

	mu       sync.Mutex
	servers  []stack.Server
	readings []reading
	// missed counts the looks in a row without an answer; it is the watcher's alone.
	missed int

	// last is what the view before this one had.
	last   load.Live
	lastAt time.Duration
}

// reading is whether the failing backend was out of service at an instant.
type reading struct {
	at  time.Duration
	out bool
}

// close stops trimtab first, which may have something to put back.
func (e *entry) close() error {
	var err error
	if e.tuner != nil {
		err = e.tuner.Stop()
	}
	return errors.Join(err, e.stack.Close())
}

// isOut knows HAProxy's states and Envoy's, which has DRAINING for whatever its
// control plane takes out.
func isOut(s stack.Server) bool {
	return s.Weight == 0 || strings.HasPrefix(s.Status, "DRAIN") ||
		strings.HasPrefix(s.Status, "MAINT") || strings.HasPrefix(s.Status, "DOWN")
}

// begin names the act and says when the demo will be over.
func (w *watcher) begin(act string, end time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.act, w.end = act, end
	w.compare.Mark()
}

// note shows a line with the time.
func (w *watcher) note(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.display.Note(clock(w.compare.Elapsed()) + "  " + text)
}

// run looks until ctx is done.
func (w *watcher) run(ctx context.Context) error {
	tick := time.NewTicker(watchPeriod)
	defer tick.Stop()
	for {
		for _, e := range w.stacks {
			err := e.read(ctx, w.compare.Elapsed())
			switch {
			case err == nil:
				e.missed = 0
			case ctx.Err() != nil:
				return nil
			case e.missed == mostMissed:
				return err
			default:
				e.missed++
			}
		}
		w.show()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (e *entry) read(ctx context.Context, at time.Duration) error {
	servers, err := e.stack.Proxy.Servers(ctx)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.servers = servers
	e.readings = append(e.readings, reading{at: at, out: isOut(servers[failing])})
	return nil
}

// weights are the proxy's as last read.
func (e *entry) weights() []int {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []int
	for _, s := range e.servers {
		all = append(all, s.Weight)
	}
	return all
}

func (w *watcher) show() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := max(0, w.compare.Elapsed())
	v := View{Act: w.act, Elapsed: now, Left: max(0, w.end-now)}
	shown := w.stacks[0]
	for i, live := range w.compare.Live() {
		e := w.stacks[i]
		v.Stacks = append(v.Stacks, e.view(live, now))
		if e.name == Trimtab {
			shown = e
		}
	}
	shown.mu.Lock()
	defer shown.mu.Unlock()
	for i, s := range shown.servers {
		b := shown.stack.Backends[i]
		v.Backends = append(v.Backends, BackendView{
			Name: s.Name, Cores: b.Config().Cores, Weight: s.Weight, Out: isOut(s),
			Utilization: b.Report().CPUUtilization,
		})
	}
	w.display.Show(v)
}

func (e *entry) view(live load.Live, now time.Duration) StackView {
	ended, failed := live.Ended-e.last.Ended, live.Errors-e.last.Errors
	// The trace begins a moment after the first look.
	seconds := max(now-e.lastAt, time.Millisecond).Seconds()
	e.last, e.lastAt = live, now
	return StackView{
		Name: e.name, P50: live.P50, P99: live.P99, Errors: live.Errors,
		Rate: float64(ended) / seconds, ErrorRate: float64(failed) / seconds,
	}
}

// steady is how long a backend has to be in service to count as returned, so
// that a probe of a moment does not.
const steady = 2 * time.Second

// ejected is when the failing backend was first seen out of service after from.
func (e *entry) ejected(from time.Duration) (time.Duration, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.readings {
		if r.at >= from && r.out {
			return r.at, true
		}
	}
	return 0, false
}

// returned is since when it has steadily been in service, if it is after from.
func (e *entry) returned(from time.Duration) (time.Duration, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	since, in := time.Duration(0), false
	for _, r := range e.readings {
		switch {
		case r.out:
			in = false
		case !in:
			since, in = r.at, true
		}
		if in && r.at >= from+steady && r.at-max(since, from) >= steady {
			return max(since, from), true
		}
	}
	return 0, false
}
