package realrun

import (
	"context"
	"errors"
	"fmt"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/child"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/stack"
)

// entrant is one policy with all that is its own: backends, proxies, and whoever
// gives them weights.
type entrant struct {
	entry
	opts       *Options
	backends   []*backend.Backend
	conditions *conditions
	reports    *reporter // nil where backends report nothing
	stacks     []*stack.Stack
	agents     *agents    // nil unless they give weights
	trimtabs   []*trimtab // none unless they give weights
	controller simulate.Controller
	weights    []int
	gauge      gauge
	inForce    inForce
}

// start starts everything. The caller has to call close, also after an error.
func (o *Options) start(ctx context.Context, of entry, seed uint64) (e *entrant, err error) {
	e = &entrant{entry: of, opts: o, gauge: newGauge(&o.Scenario), inForce: newInForce(&o.Scenario)}
	if e.controller, e.weights, err = of.initial(&o.Scenario); err != nil {
		return e, err
	}
	if of.giver == byController {
		e.inForce.given(e.weights, nil, false)
	}
	if of.reported {
		e.reports = newReporter(&o.Scenario, seed)
	}
	if e.backends, err = stack.StartBackends(ctx, e.configs()); err != nil {
		return e, err
	}
	if e.conditions, err = newConditions(ctx, &o.Scenario, e.backends); err != nil {
		return e, err
	}
	if o.Proxy.Kind == simulate.KindEnvoy {
		err = e.startEnvoys(ctx)
	} else {
		err = e.startHAProxies(ctx)
	}
	if err == nil && e.stacks[0].Steered() {
		err = e.steer(ctx)
	}
	return e, err
}

func (e *entrant) configs() []backend.Config {
	var out []backend.Config
	for i, b := range e.opts.Scenario.Backends {
		c := backend.Config{Name: b.Name, Cores: b.Cores, Speed: b.Speed, InBand: e.giver == byEnvoy}
		if e.reports != nil {
			c.Report = e.reports.mailboxes[i].report
		}
		out = append(out, c)
	}
	return out
}

func (e *entrant) startHAProxies(ctx context.Context) (err error) {
	o := haproxyOptions(e.proxy, e.weights, perProxy(&e.opts.Scenario), restarts(&e.opts.Scenario))
	o.Running, o.Binary = e.backends, e.opts.HAProxy
	if e.giver == byAgents {
		if e.agents, err = startAgents(ctx, e.reports.mailboxes); err != nil {
			return err
		}
		o.EachServer = e.agents.options()
	}
	var sockets []string
	for range e.opts.Scenario.Proxies {
		s, err := stack.StartHAProxy(ctx, o)
		if err != nil {
			return err
		}
		e.stacks, sockets = append(e.stacks, s), append(sockets, s.Socket)
	}
	if e.giver != byTrimtab {
		return nil
	}
	// Who is not in the pool must not be when trimtab first looks.
	if err := e.steer(ctx); err != nil {
		return err
	}
	c := e.config()
	c.sockets = sockets
	for range max(e.opts.Scenario.Trimtabs, 1) {
		if err := e.startTrimtab(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (e *entrant) startTrimtab(ctx context.Context, c config) error {
	t, err := startTrimtab(ctx, e.opts.Trimtab, c, e.conditions.now)
	if err == nil {
		e.trimtabs = append(e.trimtabs, t)
	}
	return err
}

func (e *entrant) startEnvoys(ctx context.Context) (err error) {
	o := envoyOptions(e.proxy, e.weights, restarts(&e.opts.Scenario))
	o.Running, o.Binary, o.Steered = e.backends, e.opts.Envoy, true
	switch e.giver {
	case byEnvoy:
		o.Balancing = byReports()
	case byTrimtab:
		c := e.config()
		if c.xds, err = child.FreeAddress(ctx); err != nil {
			return err
		}
		if err := e.startTrimtab(ctx, c); err != nil {
			return err
		}
		o.Steered = false
		o.ControlPlane = func(context.Context, []*backend.Backend) (string, error) { return c.xds, nil }
	}
	for range e.opts.Scenario.Proxies {
		s, err := stack.StartEnvoy(ctx, o)
		if err != nil {
			return err
		}
		e.stacks = append(e.stacks, s)
	}
	return nil
}

func (e *entrant) config() config {
	c := config{scenario: &e.opts.Scenario, proxy: e.proxy, backends: e.backends}
	if e.reports != nil {
		c.period = e.reports.period()
	}
	return c
}

// keep leaves a weight as it is.
const keep = -1

// steer tells the proxies who is in the pool, and the weights where this process
// gives them.
func (e *entrant) steer(ctx context.Context) error {
	var to []stack.Endpoint
	for i, b := range e.opts.Scenario.Backends {
		c := &e.conditions.now[i]
		one := stack.Endpoint{Backend: b.Name, Weight: e.weights[i], Absent: absent(c) || c.Draining > 0 && e.giver != byTrimtab}
		if e.opts.Proxy.Kind == simulate.KindHAProxy && e.giver != byController {
			one.Weight = keep
		}
		to = append(to, one)
	}
	for _, s := range e.stacks {
		if err := s.Steer(ctx, to); err != nil {
			return err
		}
	}
	return nil
}

// members tells everybody who is in the pool now.
func (e *entrant) members(ctx context.Context) error {
	var err error
	if e.stacks[0].Steered() {
		err = e.steer(ctx)
	}
	for _, t := range e.trimtabs {
		err = errors.Join(err, t.reload(e.conditions.now), t.order(ctx, e.conditions.now))
	}
	return err
}

// close stops what is running and returns what went wrong.
func (e *entrant) close() error {
	var errs []error
	for _, t := range e.trimtabs {
		errs = append(errs, t.Stop())
	}
	for _, s := range e.stacks {
		errs = append(errs, s.Close())
	}
	errs = append(errs, e.agents.close())
	if e.conditions != nil {
		errs = append(errs, e.conditions.close())
	}
	errs = append(errs, stack.CloseBackends(e.backends))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("policy %s: %w", e.policy.Name, err)
	}
	return nil
}
