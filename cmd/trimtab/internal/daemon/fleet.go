package daemon

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/state"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/web"
	"github.com/trimtab-lb/trimtab/haproxy/agentcheck"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
	"github.com/trimtab-lb/trimtab/xds"
)

// Fleet is everything that runs for one configuration. One goroutine calls
// Prepare, Swap and Close; Snapshots and Polls are safe for any.
type Fleet struct {
	options  Options
	log      *slog.Logger
	proxies  map[proxyKey]*proxy
	gateways gateways
	pools    atomic.Pointer[[]*pool]
	shared   atomic.Pointer[shared]
}

// shared is what serves several pools, for whoever wants to look at it.
type shared struct {
	proxies []*proxy
	agents  []*agentcheck.Server
}

func (f *Fleet) share() {
	s := &shared{}
	for _, p := range f.proxies {
		s.proxies = append(s.proxies, p)
	}
	for _, a := range f.gateways.agents {
		s.agents = append(s.agents, a.server)
	}
	f.shared.Store(s)
}

// Options are what all pools share.
type Options struct {
	Logger *slog.Logger
	// Store keeps what must survive a restart; nil keeps nothing.
	Store *state.Store
	// XDS serves the targets that are Envoys and gRPC clients; nil without any.
	XDS *xds.Server
	// OnEvent is told what happens; it must return at once. nil: nobody is.
	OnEvent func(tuner.Event)
}

// NewFleet returns a fleet that runs nothing.
func NewFleet(o Options) *Fleet {
	f := &Fleet{options: o, log: o.Logger, proxies: map[proxyKey]*proxy{}, gateways: newGateways()}
	f.pools.Store(&[]*pool{})
	f.share()
	return f
}

// Change is a configuration that is ready to run.
type Change struct {
	proxies  map[proxyKey]*proxy
	gateways gateways
	served   []*xds.Target
	pools    []*pool
	kept     map[*pool]bool
}

// Prepare builds all that a configuration needs and touches nothing that runs.
func (f *Fleet) Prepare(c *config.Config) (_ *Change, err error) {
	change := &Change{proxies: map[proxyKey]*proxy{}, gateways: newGateways(), kept: map[*pool]bool{}}
	defer func() {
		if err != nil {
			change.gateways.drop(f.gateways)
		}
	}()
	running := map[string]*pool{}
	for _, p := range *f.pools.Load() {
		running[p.config.Name] = p
	}
	var errs []error
	for _, settings := range c.Pools {
		for _, t := range settings.Targets {
			if err := change.need(t, f); err != nil {
				errs = append(errs, err)
			}
		}
		if len(errs) > 0 {
			continue
		}
		if old := running[settings.Name]; old != nil && reflect.DeepEqual(old.config, settings) {
			change.pools = append(change.pools, old)
			change.kept[old] = true
			change.served = append(change.served, old.served...)
			continue
		}
		p, err := newPool(settings, change, f.options)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		change.pools = append(change.pools, p)
		change.served = append(change.served, p.served...)
	}
	return change, errors.Join(errs...)
}

// need sees to what a target shares with others.
func (c *Change) need(t config.Target, f *Fleet) (err error) {
	if t.HAProxy == nil {
		return c.gateways.need(t, f.gateways, f.log)
	}
	k := keyOf(t.HAProxy)
	if c.proxies[k] == nil {
		c.proxies[k] = f.proxies[k]
	}
	if c.proxies[k] == nil {
		c.proxies[k], err = newProxy(k, f.log)
	}
	if err != nil {
		delete(c.proxies, k)
	}
	return err
}

// Swap puts a change in force. Pools that are gone are stopped, and their
// weights put back where their configuration says so; pools that changed go on
// from the weights that are there.
func (f *Fleet) Swap(ctx context.Context, change *Change) {
	next := map[string]bool{}
	for _, p := range change.pools {
		next[p.config.Name] = true
	}
	var ending []*pool
	before := map[string]*pool{}
	for _, p := range *f.pools.Load() {
		if !change.kept[p] {
			ending = append(ending, p)
			before[p.config.Name] = p
		}
	}
	f.end(ctx, ending, change.served, func(p *pool) bool {
		return !next[p.config.Name] && p.config.OnExit == config.OnExitRestore
	})
	for _, p := range change.pools {
		for _, old := range ending {
			p.succeed(old)
		}
	}
	for k, p := range f.proxies {
		if change.proxies[k] == nil {
			p.stop()
		}
	}
	for k, p := range change.proxies {
		if f.proxies[k] == nil {
			p.start()
		}
	}
	f.gateways.swap(change.gateways)
	f.proxies, f.gateways = change.proxies, change.gateways
	f.share()
	if f.options.XDS != nil {
		if err := f.options.XDS.Serve(change.served); err != nil {
			f.log.Error("Envoys and gRPC clients keep what they have", "error", err)
		}
	}
	for _, p := range change.pools {
		if !change.kept[p] {
			p.start(before[p.config.Name])
		}
	}
	for _, p := range ending {
		p.close()
	}
	f.pools.Store(&change.pools)
}

// Close stops everything, and puts weights back where the configuration says
// so.
func (f *Fleet) Close(ctx context.Context) {
	f.end(ctx, *f.pools.Load(), nil, func(p *pool) bool { return p.config.OnExit == config.OnExitRestore })
	for _, p := range f.proxies {
		p.stop()
	}
	f.gateways.swap(newGateways())
	f.proxies, f.gateways = map[proxyKey]*proxy{}, newGateways()
	f.share()
	f.pools.Store(&[]*pool{})
}

func (f *Fleet) end(ctx context.Context, pools []*pool, next []*xds.Target, restore func(*pool) bool) {
	var group sync.WaitGroup
	for _, p := range pools {
		group.Go(func() {
			p.stop()
			if !restore(p) {
				return
			}
			if err := p.restore(ctx, next); err != nil {
				f.log.Error("weights stay as trimtab set them", "error", err)
			}
		})
	}
	group.Wait()
}

// Snapshots returns the newest snapshot of each pool.
func (f *Fleet) Snapshots() []*tuner.Snapshot {
	var out []*tuner.Snapshot
	for _, p := range *f.pools.Load() {
		out = append(out, p.snapshot())
	}
	return out
}

// Proxies says how HAProxies are read.
func (f *Fleet) Proxies() []web.Proxy {
	var out []web.Proxy
	for _, p := range f.shared.Load().proxies {
		out = append(out, web.Proxy{Name: p.Name(), Stats: p.Stats()})
	}
	return out
}

// Listeners says how agent-checks are answered.
func (f *Fleet) Listeners() []web.Listener {
	var out []web.Listener
	for _, a := range f.shared.Load().agents {
		out = append(out, web.Listener{Name: a.Name(), Stats: a.Stats()})
	}
	return out
}

// Polls says how the polls of load reports go.
func (f *Fleet) Polls() []web.Polls {
	var out []web.Polls
	for _, p := range *f.pools.Load() {
		out = append(out, p.polls()...)
	}
	return out
}
