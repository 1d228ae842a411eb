package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/observation"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/token"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/web"
	"github.com/trimtab-lb/trimtab/haproxy"
	"github.com/trimtab-lb/trimtab/haproxy/agentcheck"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/source"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
	"github.com/trimtab-lb/trimtab/xds"
)

// restoreTimeout bounds putting weights back at the end.
const restoreTimeout = 2 * time.Second

// pool is one pool that runs, or is ready to.
type pool struct {
	config   config.Pool
	options  tuner.Options
	tuner    *tuner.Tuner // once it is started
	keeper   *keeper
	watch    observation.Watch
	page     *haproxy.StatsPage // nil without one
	served   []*xds.Target
	assigned assigned
	// discovery is nil where the configuration or the proxies say who is in the pool.
	discovery discovery
	// push takes pushed reports by pushToken, a file; nil and "" without. pushFailed is
	// that the file could not be read the last time.
	push       *source.Push
	pushToken  string
	pushFailed atomic.Bool
	scale      *scaleWatch // nil without scale advice
	hands      *hands
	// restores put weights back, closes end what targets have put up.
	restores []func(context.Context) error
	closes   []func()
	loads    []load
	log      *slog.Logger
	cancel   context.CancelFunc
	done     chan struct{}
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

// newPool builds a pool without touching anything. Proxies and listeners are the
// change's.
func newPool(c config.Pool, change *Change, o Options) (*pool, error) {
	log := o.Logger.With("pool", c.Name)
	model, err := scorer.New(c.Scorer())
	if err != nil {
		return nil, err
	}
	p := &pool{config: c, log: log, done: make(chan struct{}), keeper: newKeeper(o.Store, log, c.Name)}
	p.scale = newScaleWatch(c, o)
	if p.hands, err = newHands(c); err != nil {
		return nil, fmt.Errorf("pool %s: %w", c.Name, err)
	}
	p.options = tuner.Options{Name: c.Name, Pool: model, Logger: log, Hands: p.hands, OnEvent: o.OnEvent, OnOrders: p.keeper.take, OnMemory: p.remember, OnStep: p.watchStep, Prober: prober{c.Probe}}
	if o.Store == nil {
		p.options.MemoryEvery = -1 // a successor in this process is told at the end
	}
	if p.discovery, err = newDiscovery(c, log); err != nil {
		return nil, fmt.Errorf("pool %s: %w", c.Name, err)
	}
	who := &members{log: log, configured: c.ScorerBackends(), discovery: p.discovery}
	if p.page, err = newPage(c, log); err != nil {
		return nil, fmt.Errorf("pool %s: %w", c.Name, err)
	}
	if p.page != nil {
		p.options.Sources = append(p.options.Sources, tuner.NamedSource{Name: p.page.Name(), Source: p.page.Reports()})
		who.proxies = append(who.proxies, p.page.Members())
	}
	for _, t := range c.Targets {
		switch {
		case t.AgentCheck != nil:
			err = p.addAgents(t.AgentCheck, change.gateways.agents[t.AgentCheck.Listen].server)
		case t.HAProxy != nil:
			p.addProxy(t.HAProxy, change.proxies[keyOf(t.HAProxy)], who)
		case t.Redirect != nil:
			err = p.addRedirect(t.Redirect, change.gateways.redirects[t.Redirect.Listen].server, who)
		case t.DNS != nil:
			err = p.addZone(t.DNS, change.gateways.zones[t.DNS.Listen].server, who)
		default:
			err = p.addServed(t, o.XDS, who)
		}
		if err != nil {
			return nil, fmt.Errorf("pool %s: %w", c.Name, err)
		}
	}
	if len(p.served) > 0 {
		p.options.Sources = append(p.options.Sources, tuner.NamedSource{Name: o.XDS.Name(), Source: o.XDS.Reports(c.Name)})
	}
	if p.loads, err = p.newLoads(c, log); err != nil {
		return nil, fmt.Errorf("pool %s: %w", c.Name, err)
	}
	for _, l := range p.loads {
		who.followers = append(who.followers, l.SetBackends)
		p.options.Sources = append(p.options.Sources, tuner.NamedSource{Name: l.Origin(), Source: l})
	}
	if p.hands.hook != nil {
		who.followers = append(who.followers, p.hands.hook.SetBackends)
	}
	p.options.Discoverers = []tuner.NamedDiscoverer{{Name: "members", Discoverer: who}}
	return p, nil
}

func (p *pool) addProxy(c *config.HAProxy, proxy *proxy, who *members) {
	backend := proxy.Backend(c.Backend)
	name := p.nameOf(proxy, backend)
	p.restores = append(p.restores, backend.Restore)
	p.hands.closers[name] = backend.Closer()
	target := tuner.Target(backend)
	if c.Policy != "" {
		target = policed{backend, c}
	}
	p.options.Targets = append(p.options.Targets, tuner.NamedTarget{Name: name, Target: target})
	p.options.Sources = append(p.options.Sources, tuner.NamedSource{Name: name, Source: backend.Reports()})
	who.proxies = append(who.proxies, backend.Members())
}

// nameOf is how people know a target: the proxy's name, which they look for, as long as
// the pool is one backend of it.
func (p *pool) nameOf(proxy *proxy, backend *haproxy.Backend) string {
	same := 0
	for _, t := range p.config.Targets {
		if t.HAProxy != nil && t.HAProxy.Socket == proxy.socket {
			same++
		}
	}
	if same > 1 {
		return backend.Origin()
	}
	return proxy.Name()
}

func (p *pool) addAgents(c *config.AgentCheck, server *agentcheck.Server) error {
	options := agentcheck.TargetOptions{
		InitialWeight: c.InitialWeight, InitialWeights: c.InitialWeights,
		Drain: agentcheck.Drain(c.Drain), Algorithm: config.Algorithm(c.Algorithm),
	}
	if p.page != nil {
		options.Statistics = p.page
	}
	target, err := server.Target(c.Pool, options)
	if err != nil {
		return err
	}
	p.closes = append(p.closes, target.Close)
	p.options.Targets = append(p.options.Targets, tuner.NamedTarget{Name: target.Name(), Target: target})
	return nil
}

// newPage is the statistics page that the pool's counts are read from, nil for
// none.
func newPage(c config.Pool, log *slog.Logger) (*haproxy.StatsPage, error) {
	i := slices.IndexFunc(c.Load, func(l config.LoadSource) bool { return l.Proxy != nil && l.Proxy.StatsPage != "" })
	if i < 0 {
		return nil, nil
	}
	l := c.Load[i].Proxy
	options := haproxy.StatsPageConfig{URL: l.StatsPage, Backend: l.Backend, Username: l.Username, Logger: log, Capacities: map[string]float64{}}
	if l.PasswordFile != "" {
		secret, err := token.Read(l.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("password_file: %w", err)
		}
		options.Password = secret
	}
	for _, b := range c.Backends {
		options.Capacities[b.Name] = b.Capacity
	}
	for _, t := range c.Targets {
		if t.AgentCheck != nil {
			options.Algorithm = config.Algorithm(t.AgentCheck.Algorithm)
			options.AgentDrains = options.AgentDrains || agentcheck.Drain(t.AgentCheck.Drain) == agentcheck.DrainByState
		}
	}
	return haproxy.NewStatsPage(options)
}

func (p *pool) newLoads(c config.Pool, log *slog.Logger) ([]load, error) {
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
		case l.ORCA != nil:
			one, err = source.NewORCA(source.ORCAOptions{Port: l.ORCA.Port, Period: l.ORCA.Period, Logger: log})
		case l.Push != nil:
			p.push = source.NewPush(source.PushOptions{TTL: l.Push.TTL, Logger: log})
			p.pushToken, one = l.Push.TokenFile, p.push
			if p.pushToken != "" {
				_, err = token.Read(p.pushToken)
			}
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
	p.options.Memory = &kept.Memory
	p.recall(kept.Served)
	p.options.Orders = kept.Orders
	p.tuner = tuner.New(p.options)
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go func() {
		defer close(p.done)
		var group sync.WaitGroup
		if p.page != nil {
			group.Go(func() { p.page.Run(ctx) })
		}
		if p.scale != nil && p.scale.hook != nil {
			group.Go(func() { p.scale.hook.Run(ctx) })
		}
		p.tuner.Run(ctx)
		group.Wait()
		p.hands.end()
	}()
}

// close ends what was put up for a target, when its successor runs or nobody will.
func (p *pool) close() {
	for _, end := range p.closes {
		end()
	}
}

// stop ends the tuner and leaves the weights as they are.
func (p *pool) stop() {
	p.cancel()
	<-p.done
	// An order that was answered is kept first.
	p.commanding.Lock()
	defer p.commanding.Unlock()
	p.keeper.close()
}

// restore puts the weights back that were found at first. What goes on to be served
// for another pool is left alone.
func (p *pool) restore(ctx context.Context, next []*xds.Target) error {
	ctx, cancel := context.WithTimeout(ctx, restoreTimeout)
	defer cancel()
	var errs []error
	restores := slices.Clone(p.restores)
	for _, t := range p.served {
		if !slices.ContainsFunc(next, func(n *xds.Target) bool { return n.Name() == t.Name() }) {
			restores = append(restores, t.Restore)
		}
	}
	for _, restore := range restores {
		if err := restore(ctx); err != nil {
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
// first step, with how backends are discovered.
func (p *pool) snapshot() *tuner.Snapshot {
	s := p.tuner.Snapshot()
	helpless := p.helpless(s)
	if s.Plan.Pool != "" && p.discovery == nil && helpless == "" {
		return s
	}
	named := *s
	named.Plan.Pool = p.config.Name
	named.Plan.Advice = sentences(s.Plan.Advice, helpless)
	p.withDiscovery(&named)
	return &named
}
