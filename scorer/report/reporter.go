package report

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trimtab-lb/trimtab/scorer/report/usage"
)

// Meter measures processor and memory; see [usage.Reader], which is one. It is
// called from one goroutine.
type Meter interface {
	Read(now time.Time) (usage.Usage, error)
}

// Options are settings of a Reporter. The zero value of every field means its
// default.
type Options struct {
	// Meter measures CPU and memory. Default: [usage.Own].
	Meter Meter
	// Window is the time constant of all averages. Default 1 s: trimtab smooths
	// what it is told over longer than that, and a proxy that believes a single
	// report wants more.
	Window time.Duration
	// Interval is the time from one measurement to the next. Default 100 ms.
	Interval time.Duration
	// ShedRate is how many connections may be asked to leave per second, as
	// many at once. Default: a tenth of the most that were open lately, at
	// least 10.
	ShedRate float64
	// LeaveTimeout bounds the context that a [Leave] is given. Default 10 s.
	LeaveTimeout time.Duration
	// InBand says which responses carry a load report; see [InBand]. Default:
	// none.
	InBand InBand
	// Logger is told what goes wrong. Default: none.
	Logger *slog.Logger
}

func (o Options) withDefaults() (Options, error) {
	if o.Meter == nil {
		o.Meter = usage.Own()
	}
	if o.Window == 0 {
		o.Window = time.Second
	}
	if o.Interval == 0 {
		o.Interval = 100 * time.Millisecond
	}
	if o.LeaveTimeout == 0 {
		o.LeaveTimeout = 10 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Window < 0 || o.Interval < 0 || o.LeaveTimeout < 0 || o.ShedRate < 0 || math.IsInf(o.ShedRate, 0) || math.IsNaN(o.ShedRate) {
		return o, fmt.Errorf("window %s, interval %s, leave timeout %s, shed rate %g: need positive ones", o.Window, o.Interval, o.LeaveTimeout, o.ShedRate)
	}
	return o, o.InBand.check()
}

// Reporter measures one backend. It is safe for concurrent use.
type Reporter struct {
	// Set at creation, read-only.
	options Options
	log     *slog.Logger
	cancel  context.CancelFunc
	ctx     context.Context
	running sync.WaitGroup

	counters    counters
	connections connections
	budget      budget
	named       named
	inBand      inBand

	// Accessed atomically.
	draining    atomic.Bool
	utilization atomic.Uint64 // bits of a float64
	measured    atomic.Pointer[measured]
}

// New returns a Reporter that measures until Close, which the caller owes it.
func New(o Options) (*Reporter, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("load report: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &Reporter{options: o, log: o.Logger, ctx: ctx, cancel: cancel}
	r.counters.init()
	r.budget.rate = o.ShedRate
	r.connections.movable.Init()
	r.SetUtilization(math.NaN())
	s := &sampler{reporter: r, last: time.Now()}
	s.sample(s.last)
	r.running.Go(s.run)
	return r, nil
}

// Close ends the measuring, cancels the contexts of every [Leave] that has not
// returned and waits for it. Load goes on to tell what was known.
func (r *Reporter) Close() {
	r.connections.mu.Lock()
	r.connections.closed = true
	r.connections.mu.Unlock()
	r.cancel()
	r.connections.leaving.Wait()
	r.running.Wait()
}

// Load is the backend's load as of now.
func (r *Reporter) Load() Load {
	m := r.measured.Load()
	open, cost, dearest := r.connections.count()
	l := Load{
		At: m.at, CPU: m.cpu, Memory: m.memory, RPS: m.rps, EPS: m.eps,
		Utilization: math.Float64frombits(r.utilization.Load()),
		Draining:    r.draining.Load(),
		Named:       map[string]float64{},
	}
	r.named.into(l.Named)
	l.Named[NamedInFlight] = float64(r.counters.read().inFlight)
	l.Named[NamedConnections] = float64(open)
	if usable(cost) {
		l.Named[NamedCost], l.Named[NamedCostMax] = cost, dearest
	}
	if l.Draining {
		l.Named[NamedDraining] = 1
	}
	return l
}

// SetUtilization sets how full the backend is by its own idea: 1 is full, more
// is possible, above 8 trimtab takes it for percent and drops it. NaN, which it
// is at first, leaves the judgement to CPU.
func (r *Reporter) SetUtilization(v float64) {
	if !usable(v) {
		v = math.NaN()
	}
	r.utilization.Store(math.Float64bits(v))
}

// SetNamed sets a metric of the application's own, for example the length of a
// queue; NaN withdraws it. Names are of up to 128 characters of printable ASCII
// without blanks, commas, =, " and \, and there may be 250 of them.
func (r *Reporter) SetNamed(name string, v float64) error { return r.named.set(name, v) }

// SetDraining says whether the backend wants no new work.
func (r *Reporter) SetDraining(draining bool) { r.draining.Store(draining) }
