package simulate

import (
	"fmt"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// PoolPolicy puts a real [scorer.Pool] in the loop: every proxy reports its own
// counts every [Tick] as one that is polled, backends their utilization, and
// what the rounding leaves of a plan is in force.
type PoolPolicy struct {
	// Name is what results are listed under.
	Name string
	// New returns a pool without backends.
	New func(name string) (*scorer.Pool, error)
	// Rounder is how plans become integers; Max 0 means 256.
	Rounder scorer.RounderConfig
	// Watch, when set, is told of every plan.
	Watch func(now time.Duration, p scorer.Plan, r scorer.Rounded)
}

// PoolOf is a PoolPolicy with nothing but a pool's configuration.
func PoolOf(name string, config scorer.Config) PoolPolicy {
	return PoolPolicy{Name: name, New: func(pool string) (*scorer.Pool, error) {
		config := config
		config.Name = pool
		return scorer.New(config)
	}}
}

// Policy returns p as a policy to be judged.
func (p PoolPolicy) Policy() Policy {
	return Policy{Name: p.Name, New: func(s Setup) (Controller, error) {
		pool, err := p.New(s.Scenario.Name)
		if err != nil {
			return nil, fmt.Errorf("policy %s: %w", p.Name, err)
		}
		return newPoolController(p, s, pool), nil
	}}
}

// epoch is the simulation's start on the pool's clock.
func epoch() time.Time { return time.Unix(1_000_000_000, 0).UTC() }

type poolController struct {
	policy    PoolPolicy
	algorithm scorer.Algorithm
	pool      *scorer.Pool
	rounder   *scorer.Rounder
	backends  []scorer.Backend
	index     map[string]int
	targets   []poolTarget
	owners    []string // origins of the backends' own reports
	steering  Steering
}

// poolTarget is one proxy as the pool knows it.
type poolTarget struct{ name, origin string }

func newPoolController(policy PoolPolicy, s Setup, pool *scorer.Pool) *poolController {
	rounder := policy.Rounder
	if rounder.Max == 0 {
		rounder.Max = maxWeight
	}
	n := len(s.Scenario.Backends)
	c := &poolController{
		policy: policy, algorithm: s.Algorithm, pool: pool, rounder: scorer.NewRounder(rounder),
		index:    make(map[string]int, n),
		steering: Steering{Weights: equalWeights(n), Pulses: make([]time.Duration, n)},
	}
	for i, b := range s.Scenario.Backends {
		c.index[b.Name] = i
		c.backends = append(c.backends, scorer.Backend{Name: b.Name})
		c.owners = append(c.owners, "orca:"+b.Name)
	}
	for k := range s.Scenario.Proxies {
		name := fmt.Sprintf("sim-%d", k)
		c.targets = append(c.targets, poolTarget{name: name, origin: "haproxy:" + name})
	}
	return c
}

// Start finds equal weights in the proxies, as after a start.
func (c *poolController) Start() Steering {
	found := make(map[string]int, len(c.backends))
	shares := make([]scorer.Share, len(c.backends))
	for i, b := range c.backends {
		found[b.Name] = c.steering.Weights[i]
		shares[i] = scorer.Share{Backend: b.Name, Weight: 1, Applied: c.steering.Weights[i]}
	}
	c.rounder.Adopt(found)
	c.pool.SetBackends(c.backends)
	c.applied(shares)
	return c.steering
}

func (c *poolController) applied(shares []scorer.Share) {
	for _, t := range c.targets {
		c.pool.Applied(t.name, scorer.InForce{
			Origin: t.origin, Algorithm: c.algorithm, Pulses: true, Shares: shares,
		})
	}
}

// ObserveProxy implements [ProxyObserver].
func (c *poolController) ObserveProxy(now time.Duration, proxy int, in []Sample) {
	at := epoch().Add(now)
	for i := range in {
		r := scorer.NewReport(c.backends[i].Name, c.targets[proxy].origin, at)
		r.ByProxy, r.Interval = true, Tick
		r.InFlight = in[i].InFlight
		r.RPS = float64(in[i].Completed) / Tick.Seconds()
		r.EPS = float64(in[i].Failed) / Tick.Seconds()
		r.Latency = in[i].Latency
		c.pool.Observe(r)
		if u := in[i].Utilization; u == u {
			own := scorer.NewReport(c.backends[i].Name, c.owners[i], at)
			own.Utilization = u
			c.pool.Observe(own)
		}
	}
}

// Step implements [Controller].
func (c *poolController) Step(now time.Duration, in []Sample) Steering {
	c.setConditions(in)
	plan := c.pool.Step(epoch().Add(now))
	rounded := c.rounder.Round(plan, c.algorithm)
	shares := make([]scorer.Share, len(plan.Decisions))
	for k := range plan.Decisions {
		d := &plan.Decisions[k]
		i := c.index[d.Backend]
		c.steering.Weights[i], c.steering.Pulses[i] = rounded.Weights[k], d.Pulse
		shares[k] = scorer.Share{Backend: d.Backend, Weight: rounded.Shares[k], Applied: rounded.Weights[k]}
	}
	c.applied(shares)
	if c.policy.Watch != nil {
		c.policy.Watch(now, plan, rounded)
	}
	return c.steering
}

func (c *poolController) setConditions(in []Sample) {
	changed := false
	for i := range in {
		condition := scorer.Up
		if !in[i].Up {
			condition = scorer.Down
		}
		changed = changed || c.backends[i].Condition != condition
		c.backends[i].Condition = condition
	}
	if changed {
		c.pool.SetBackends(c.backends)
	}
}
