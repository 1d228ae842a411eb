package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/web"
	"github.com/trimtab-lb/trimtab/haproxy"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/source"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// restoreTimeout bounds putting weights back at the end.
const restoreTimeout = 2 * time.Second

// pool is one pool that runs, or is ready to.
type pool struct {
	config  config.Pool
	options tuner.Options
	tuner   *tuner.Tuner // once it is started
	keeper  *keeper
	targets []*haproxy.Backend
	loads   []load
	log     *slog.Logger
	cancel  context.CancelFunc
	done    chan struct{}
	// commanding orders what operators want.
	commanding sync.Mutex
}

// load is a source of load reports that follows the members.
type load interface {
	tuner.Source
	SetBackends([]scorer.Backend)
	Status() []source.BackendStatus
	Origin() string
}

// newPool builds a pool without touching anything. proxyOf finds the proxy of a
// target.
func newPool(c config.Pool, proxyOf func(*config.HAProxy) *proxy, o Options) (*pool, error) {
	log := o.Logger.With("pool", c.Name)
	model, err := scorer.New(c.Scorer())
	if err != nil {
		return nil, err
	}
	p := &pool{config: c, log: log, done: make(chan struct{}), keeper: newKeeper(o.Store, log, c.Name)}
	options := tuner.Options{Name: c.Name, Pool: model, Logger: log, OnEvent: o.OnEvent, OnMemory: p.keeper.remember}
	who := &members{log: log, configured: c.ScorerBackends()}
	for i := range c.Targets {
		settings := c.Targets[i].HAProxy
		proxy := proxyOf(settings)
		backend := proxy.Backend(settings.Backend)
		p.targets = append(p.targets, backend)
		name := proxy.Name()
		options.Targets = append(options.Targets, tuner.NamedTarget{Name: name, Target: backend})
		options.Sources = append(options.Sources, tuner.NamedSource{Name: name, Source: backend.Reports()})
		who.proxies = append(who.proxies, backend.Members())
	}
	if p.loads, err = newLoads(c, log); err != nil {
		return nil, fmt.Errorf("pool %s: %w", c.Name, err)
	}
	for _, l := range p.loads {
		who.followers = append(who.followers, l.SetBackends)
		options.Sources = append(options.Sources, tuner.NamedSource{Name: l.Origin(), Source: l})
	}
	options.Discoverers = []tuner.NamedDiscoverer{{Name: "members", Discoverer: who}}
	p.options = options
	return p, nil
}

func newLoads(c config.Pool, log *slog.Logger) ([]load, error) {
	var out []load
	for _, l := range c.Load {
		var one load
		var err error
		switch {
		case l.HTTP != nil:
			options := l.HTTP.Source()
			options.Logger = log
			one, err = source.NewHTTP(options)
		case l.Prometheus != nil:
			options := l.Prometheus.Source()
			options.Logger = log
			one, err = source.NewPrometheus(options, l.Prometheus.Metrics())
		default:
			continue // the proxy's own counts come with the target
		}
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// start goes on from where the pool of that name before it has ended, if there was
// one.
func (p *pool) start(before *pool) {
	var predecessor *keeper
	if before != nil {
		predecessor = before.keeper
	}
	kept := p.keeper.start(predecessor)
	p.options.Pool.Recall(kept.Memory, time.Now())
	p.options.Orders = kept.Orders
	p.tuner = tuner.New(p.options)
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go func() {
		defer close(p.done)
		p.tuner.Run(ctx)
	}()
}

// stop ends the tuner and leaves the weights as they are.
func (p *pool) stop() {
	p.cancel()
	<-p.done
	p.keeper.close()
}

// restore puts the weights back that were found at first.
func (p *pool) restore(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, restoreTimeout)
	defer cancel()
	var errs []error
	for _, t := range p.targets {
		if err := t.Restore(ctx); err != nil {
			errs = append(errs, fmt.Errorf("pool %s: restore the weights found: %w", p.config.Name, err))
		}
	}
	return errors.Join(errs...)
}

func (p *pool) polls() []web.Polls {
	var out []web.Polls
	for _, l := range p.loads {
		out = append(out, web.Polls{Pool: p.config.Name, Source: l.Origin(), Backends: l.Status()})
	}
	return out
}

// snapshot is the tuner's newest, which has the pool's name even before the
// first step.
func (p *pool) snapshot() *tuner.Snapshot {
	s := p.tuner.Snapshot()
	if s.Plan.Pool != "" {
		return s
	}
	named := *s
	named.Plan.Pool = p.config.Name
	return &named
}
