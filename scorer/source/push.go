package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// PushOrigin is the Report.Origin of every pushed report.
const PushOrigin = "push"

// What [Push.Check] refuses.
var (
	// ErrNoBackend is a report about a backend that the pool has not.
	ErrNoBackend = errors.New("no such backend")
	// ErrValue is a report with a value that cannot be true.
	ErrValue = errors.New("impossible value")
	// ErrMembersUnknown is a report before the pool knows its backends.
	ErrMembersUnknown = errors.New("the pool's backends are not known so far")
)

// Push takes load reports that backends send by themselves, for what cannot be
// polled: behind NAT, or too many to ask.
//
//	POST ─▶ Check ─▶ Take ─▶ newest of each backend ─▶ Run ─▶ out
//	                                       └── older than its TTL ─▶ taken back
//
// A report counts for its TTL. Then one without any signal takes its place, so that
// what it said is known no more, while the age of what was said grows on.
//
// Its methods may be used concurrently; Run must not be called twice at once.
type Push struct {
	ttl time.Duration
	log *slog.Logger
	// wake tells Run that there is something to send or to wait for.
	wake chan struct{}

	mu sync.Mutex
	// known is that members were set.
	known   bool
	members map[string]*pushed
}

// pushed is what is known of one backend.
type pushed struct {
	state BackendStatus
	// report is the newest, and waiting that Run has yet to send it.
	report  scorer.Report
	waiting bool
	// until is when it is taken back; zero without one in force.
	until time.Time
}

// PushOptions describe a Push.
type PushOptions struct {
	// TTL is for how long a report counts that does not say; it is also the most that
	// one may say. Default 10 s.
	TTL time.Duration
	// Logger is told when a backend falls silent and when it pushes again.
	// Default: none.
	Logger *slog.Logger
}

// Pushed is one report to take.
type Pushed struct {
	// Report has its backend and its signals; origin and time are set by [Push.Take].
	Report scorer.Report
	// TTL is for how long it counts; 0 means the source's.
	TTL time.Duration
}

// NewPush returns a source that has not begun: Run begins.
func NewPush(o PushOptions) *Push {
	if o.TTL <= 0 {
		o.TTL = 10 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Push{ttl: o.TTL, log: o.Logger.With("source", PushOrigin), wake: make(chan struct{}, 1), members: map[string]*pushed{}}
}

// Origin is [PushOrigin].
func (p *Push) Origin() string { return PushOrigin }

// SetBackends replaces the backends that reports may be about; it never blocks.
func (p *Push) SetBackends(backends []scorer.Backend) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known = true
	next := make(map[string]*pushed, len(backends))
	for _, b := range backends {
		if next[b.Name] = p.members[b.Name]; next[b.Name] == nil {
			next[b.Name] = &pushed{state: BackendStatus{Backend: b.Name, Dropped: map[Reason]uint64{}}}
		}
	}
	p.members = next
}

// Status has an entry for each backend, sorted by name. A report counts as a poll,
// one that was not followed by another within its TTL as a failure.
func (p *Push) Status() []BackendStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []BackendStatus
	for _, name := range slices.Sorted(maps.Keys(p.members)) {
		out = append(out, p.members[name].state.clone())
	}
	return out
}

// Check says what is wrong with a report, nil for nothing. Its errors are
// [ErrNoBackend], [ErrValue] and [ErrMembersUnknown], and name the backend.
func (p *Push) Check(r Pushed) error {
	if err := p.checkBackend(r.Report.Backend); err != nil {
		return err
	}
	if r.TTL < 0 || r.TTL > p.ttl {
		return fmt.Errorf("backend %q: %w: ttl %s: must be above 0 and at most %s", r.Report.Backend, ErrValue, r.TTL, p.ttl)
	}
	copied := r.Report
	copied.Named = maps.Clone(r.Report.Named) // check takes out what it refuses
	if drops := check(&copied); len(drops) > 0 {
		return fmt.Errorf("backend %q: %w: %s", r.Report.Backend, ErrValue, describe(drops))
	}
	if empty(r.Report) {
		return fmt.Errorf("backend %q: %w: the report has no signal", r.Report.Backend, ErrValue)
	}
	return nil
}

func (p *Push) checkBackend(name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.members[name] != nil:
		return nil
	case !p.known:
		return ErrMembersUnknown
	default:
		return fmt.Errorf("%w: %q; the pool has %s", ErrNoBackend, name, some(slices.Sorted(maps.Keys(p.members))))
	}
}

// some lists the first names.
func some(names []string) string {
	const most = 20
	if len(names) == 0 {
		return "none"
	}
	if len(names) > most {
		names = append(names[:most:most], "…")
	}
	return strings.Join(names, ", ")
}

// Take counts reports that [Push.Check] had nothing against from now on; it never
// blocks. One about a backend that has left meanwhile is dropped. Of two about one
// backend the later one counts.
func (p *Push) Take(now time.Time, reports []Pushed) {
	p.mu.Lock()
	for _, r := range reports {
		m := p.members[r.Report.Backend]
		if m == nil {
			continue
		}
		ttl := r.TTL
		if ttl <= 0 {
			ttl = p.ttl
		}
		if m.state.Failing {
			p.log.Info("load reports are pushed again", "backend", r.Report.Backend)
		}
		m.report, m.waiting, m.until = r.Report, true, now.Add(ttl)
		m.report.Origin, m.report.At = PushOrigin, now
		m.state.Polls++
		m.state.Reports++
		m.state.Polled, m.state.Failing, m.state.LastError = true, false, ""
	}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Run sends what is taken until ctx ends and returns nil.
func (p *Push) Run(ctx context.Context, out chan<- scorer.Report) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.wake:
		case <-timer.C:
		}
		due, next := p.due(time.Now())
		for _, r := range due {
			select {
			case <-ctx.Done():
				return nil
			case out <- r:
			}
		}
		if next > 0 {
			timer.Reset(next)
		}
	}
}

// due is what is to be sent now, sorted by backend, and how long it is until a
// report will be too old; 0 when there is none.
func (p *Push) due(now time.Time) (out []scorer.Report, next time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, m := range p.members {
		if m.waiting {
			m.waiting = false
			out = append(out, m.report)
			m.report.Named = nil // it is the pool's from here on
		}
		if m.until.IsZero() {
			continue
		}
		if left := m.until.Sub(now); left > 0 {
			if next == 0 || left < next {
				next = left
			}
			continue
		}
		m.until = time.Time{}
		m.state.Failures++
		m.state.Failing, m.state.LastError = true, "no report since "+m.report.At.UTC().Format(time.DateTime)+" UTC"
		p.log.Warn("load reports are no longer pushed", "backend", name, "since", m.report.At)
		// With the time of the one that it takes the place of, so that no one takes
		// silence for news.
		out = append(out, scorer.NewReport(name, PushOrigin, m.report.At))
	}
	slices.SortStableFunc(out, func(a, b scorer.Report) int { return strings.Compare(a.Backend, b.Backend) })
	return out, next
}
