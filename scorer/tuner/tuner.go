package tuner

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

const (
	defaultTick         = time.Second
	defaultApplyTimeout = 2500 * time.Millisecond
	defaultMemoryEvery  = 10 * time.Second
	// patience is how many ticks the first step waits for the targets to say
	// what is in force, so that it starts from there.
	patience = 3
	// grace is how many plans a target may miss before the first that it follows
	// without anybody being told.
	grace = 5
	// reportBuffer is how many reports may wait while the owner steps.
	reportBuffer = 32
)

// Options describe one pool's tuner. Pool, and at least one of Backends and
// Discoverers, are required.
type Options struct {
	Pool *scorer.Pool
	// Backends are the pool's members when no discoverer is given.
	Backends    []scorer.Backend
	Sources     []NamedSource
	Discoverers []NamedDiscoverer
	Targets     []NamedTarget
	// Prober finds out whether ejected backends are well again where no target can
	// pulse; nil leaves them out.
	Prober Prober
	// Hands ask connections to reconnect; nil: nobody does.
	Hands Hands
	// Tick is the time between steps; default 1 s.
	Tick time.Duration
	// ApplyTimeout bounds one Apply; default 2.5 s, which leaves room for the
	// longest pulse.
	ApplyTimeout time.Duration
	Logger       *slog.Logger
	// Name is the pool's, for events.
	Name string
	// Orders are those in force at the start.
	Orders scorer.Orders
	// Memory is what a predecessor knew, for the pool to recall when Run begins;
	// nil without one.
	Memory *scorer.Memory
	// OnEvent, when set, is called by the owner; it must return at once.
	OnEvent func(Event)
	// OnOrders, when set, is called by the owner with the orders in force whenever
	// they change, before who has ordered it has an answer; it must return at once.
	OnOrders func(scorer.Orders)
	// OnMemory, when set, is called by the owner with what a successor can use:
	// about every MemoryEvery (default 10 s) and when a backend's state changes,
	// neither of which happens when that is negative, and at the end. It must
	// return at once.
	OnMemory    func(scorer.Memory)
	MemoryEvery time.Duration
	// OnStep, when set, is called by the owner after each step with the newest
	// snapshot; it must return at once.
	OnStep func(*Snapshot)
}

// NamedSource is a source and the name that people see.
type NamedSource struct {
	Name   string
	Source Source
}

// NamedDiscoverer is a discoverer and the name that people see.
type NamedDiscoverer struct {
	Name       string
	Discoverer Discoverer
}

// NamedTarget is a target and the name that people see, for example
// "haproxy:/run/haproxy/admin.sock".
type NamedTarget struct {
	Name   string
	Target Target
}

// Tuner runs one pool.
type Tuner struct {
	options  Options
	log      *slog.Logger
	snapshot atomic.Pointer[Snapshot]

	reports  chan scorer.Report
	backends chan []scorer.Backend
	results  chan result
	commands chan command
	probed   chan probed
	taps     chan tapChange
	queries  chan chan<- scorer.Learned
	// estimates asks what an order to rebalance would do.
	estimates chan chan<- scorer.ShedEstimate
	shedder   *shedder      // nil without hands
	probes    *probes       // nil without a prober
	ended     chan struct{} // closed when the owner has ended
	inputs    []*input
	workers   []*worker
}

// New returns a tuner that Run starts.
func New(options Options) *Tuner {
	if options.Tick <= 0 {
		options.Tick = defaultTick
	}
	if options.ApplyTimeout <= 0 {
		options.ApplyTimeout = defaultApplyTimeout
	}
	if options.MemoryEvery == 0 {
		options.MemoryEvery = defaultMemoryEvery
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	t := &Tuner{
		options:   options,
		log:       options.Logger,
		reports:   make(chan scorer.Report, reportBuffer),
		backends:  make(chan []scorer.Backend),
		results:   make(chan result),
		commands:  make(chan command),
		probed:    make(chan probed),
		taps:      make(chan tapChange),
		queries:   make(chan chan<- scorer.Learned),
		estimates: make(chan chan<- scorer.ShedEstimate),
		ended:     make(chan struct{}),
	}
	if options.Hands != nil {
		t.shedder = newShedder(&t.options)
	}
	if options.Prober != nil {
		t.probes = newProbes(options.Prober)
	}
	for _, s := range options.Sources {
		t.inputs = append(t.inputs, newInput(s.Name, t.log, func(ctx context.Context) error {
			return s.Source.Run(ctx, t.reports)
		}))
	}
	for _, d := range options.Discoverers {
		t.inputs = append(t.inputs, newInput(d.Name, t.log, func(ctx context.Context) error {
			return d.Discoverer.Run(ctx, t.backends)
		}))
	}
	for i, target := range options.Targets {
		t.workers = append(t.workers, newWorker(i, target, options.ApplyTimeout))
	}
	t.snapshot.Store(t.first())
	return t
}

// first is what is known before anything has happened.
func (t *Tuner) first() *Snapshot {
	s := &Snapshot{Started: time.Now(), Orders: t.options.Orders.Clone()}
	for _, w := range t.workers {
		s.Targets = append(s.Targets, TargetStatus{Name: w.target.Name})
	}
	for _, in := range t.inputs {
		s.Sources = append(s.Sources, in.status())
	}
	return s
}

// Snapshot returns the newest snapshot, never nil. It is safe for concurrent
// use.
func (t *Tuner) Snapshot() *Snapshot { return t.snapshot.Load() }

// Run tunes until ctx ends and returns when every goroutine it started has
// ended. What is in force stays in force.
func (t *Tuner) Run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group sync.WaitGroup
	for _, in := range t.inputs {
		group.Go(func() { in.run(ctx) })
	}
	for _, w := range t.workers {
		group.Go(func() { w.run(ctx, t.results) })
	}
	if t.probes != nil {
		group.Go(func() { t.probes.run(ctx, t.probed) })
	}
	if t.shedder != nil {
		group.Go(func() { t.shedder.run(ctx) })
	}
	newOwner(t).run(ctx)
	close(t.ended)
	cancel()
	// The owner no longer listens: whoever still sends sees ctx end.
	group.Wait()
}
