package simulate

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// epoch is the simulation's start on the pool's clock.
func epoch() time.Time { return time.Unix(1_000_000_000, 0).UTC() }

type poolController struct {
	policy   PoolPolicy
	setup    Setup
	pool     *scorer.Pool
	target   target
	index    map[string]int
	members  []scorer.Backend
	present  []bool
	proxies  []poolProxy
	owners   []string // origins of the backends' own reports
	probing  []string
	probes   *rand.Rand
	steering Steering
	// late are the reports that have not arrived.
	late []lateReport
	// seq is the newest plan's.
	seq    uint64
	drains map[string]scorer.Drain
	err    error
}

// poolProxy is one proxy as the pool knows it.
type poolProxy struct{ name, origin string }

func newPoolController(policy PoolPolicy, s Setup, pool *scorer.Pool, t target) *poolController {
	n := len(s.Scenario.Backends)
	c := &poolController{
		policy: policy, setup: s, pool: pool, target: t, index: make(map[string]int, n),
		present: make([]bool, n), probes: stream(0, streamProbes),
		steering: Steering{Weights: s.configured(0), Pulses: make([]time.Duration, n), Sheds: make([]int, n)},
	}
	for i := range s.Scenario.Backends {
		name := s.Scenario.Backends[i].Name
		c.index[name] = i
		c.owners = append(c.owners, "orca:"+name)
	}
	reporter := "haproxy"
	if s.Proxy.Kind == KindEnvoy {
		reporter = "lrs"
		c.steering.Shares = make([]float64, n)
	}
	for k := range s.Scenario.Proxies {
		name := fmt.Sprintf("sim-%d", k)
		c.proxies = append(c.proxies, poolProxy{name: name, origin: reporter + ":" + name})
	}
	return c
}

// Start finds the configured weights in the proxies, as after a start.
func (c *poolController) Start() Steering {
	found := make(map[string]int, len(c.members))
	in := make([]Sample, len(c.present))
	var shares []scorer.Share
	for i := range c.present {
		condition := c.setup.Scenario.Condition(i, 0)
		in[i] = Sample{Present: !condition.Absent, Up: true}
		if in[i].Present {
			b := &c.setup.Scenario.Backends[i]
			found[b.Name] = c.steering.Weights[i]
			shares = append(shares, scorer.Share{Backend: b.Name, Weight: b.configured() * condition.Weight, Applied: c.steering.Weights[i]})
		}
		if c.steering.Shares != nil {
			c.steering.Shares[i] = c.setup.Scenario.Backends[i].configured() * condition.Weight
		}
	}
	c.target.adopt(found)
	c.setMembers(0, in)
	c.applied(scorer.InForce{Algorithm: c.setup.Proxy.Algorithm, Pulses: c.setup.Proxy.Kind != KindEnvoy, Shares: shares})
	return c.steering
}

func (c *poolController) applied(f scorer.InForce) {
	for _, p := range c.proxies {
		f.Origin = p.origin
		c.pool.Applied(p.name, f)
	}
}

// Step implements [Controller].
func (c *poolController) Step(now time.Duration, in []Sample) Steering {
	c.probed(now)
	c.setMembers(now, in)
	c.arrive(now)
	c.closed(now, in)
	plan := c.pool.Step(epoch().Add(now))
	c.seq = plan.Seq
	weighed, inForce, err := c.target.apply(plan, c.members)
	if err != nil {
		c.err = fmt.Errorf("policy %s after %v: %w", c.policy.Name, now, err)
		return c.steering
	}
	for k := range plan.Decisions {
		d := &plan.Decisions[k]
		i := c.index[d.Backend]
		c.steering.Weights[i], c.steering.Pulses[i] = weighed.Weights[k], d.Pulse
		if c.steering.Shares != nil {
			c.steering.Shares[i], c.steering.Pulses[i] = weighed.Shares[k], 0
		}
		c.steering.Sheds[i] = d.Shed.Count
		if d.Probe {
			c.probing = append(c.probing, d.Backend)
		}
	}
	c.applied(inForce)
	if c.policy.Watch != nil {
		c.policy.Watch(now, plan, weighed)
	}
	return c.steering
}

// Err is what went wrong, after which weights stayed as they were.
func (c *poolController) Err() error { return c.err }
