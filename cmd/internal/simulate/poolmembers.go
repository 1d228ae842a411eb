package simulate

import (
	"math"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// setMembers tells the pool who is there and how.
func (c *poolController) setMembers(now time.Duration, in []Sample) {
	var members []scorer.Backend
	changed := c.members == nil
	for i := range in {
		changed = changed || in[i].Present != c.present[i]
		c.present[i] = in[i].Present
		if !in[i].Present {
			continue
		}
		b := c.member(i, now, in[i].Up)
		at := len(members)
		changed = changed || at >= len(c.members) || c.members[at] != b
		members = append(members, b)
	}
	if changed {
		c.members = members
		c.pool.SetBackends(members)
	}
}

func (c *poolController) member(i int, now time.Duration, up bool) scorer.Backend {
	b, condition := &c.setup.Scenario.Backends[i], c.setup.Scenario.condition(i, now)
	out := scorer.Backend{Name: b.Name, Address: address(i), Capacity: b.configured() * condition.Weight}
	switch {
	case condition.CapacityHint > 0:
		out.Capacity = condition.CapacityHint
	case b.CapacityHint > 0:
		out.Capacity = b.CapacityHint
	}
	if !up {
		out.Condition = scorer.Down
	}
	return out
}

// probed tells the outcome of the health requests that the last plan asked for,
// for proxies that cannot let a few real ones through.
func (c *poolController) probed(now time.Duration) {
	for _, name := range c.probing {
		condition := c.setup.Scenario.condition(c.index[name], now)
		ok := !condition.Hanging && !condition.out() && c.probes.Float64() >= condition.Errors
		c.pool.Probed(epoch().Add(now), name, ok)
	}
	c.probing = c.probing[:0]
}

// ObserveProxy implements [ProxyObserver].
func (c *poolController) ObserveProxy(now time.Duration, proxy int, in []Sample) {
	at := epoch().Add(now)
	for i := range in {
		name := c.setup.Scenario.Backends[i].Name
		if !c.present[i] {
			continue
		}
		r := scorer.NewReport(name, c.proxies[proxy].origin, at)
		r.ByProxy, r.Interval = true, Tick
		r.InFlight = in[i].InFlight
		r.RPS = float64(in[i].Completed) / Tick.Seconds()
		r.EPS = float64(in[i].Failed) / Tick.Seconds()
		if c.setup.Proxy.Kind != KindEnvoy { // load reports have neither
			r.Latency = in[i].Latency
			r.Upgrades = float64(in[i].Upgrades) / Tick.Seconds()
		}
		c.pool.Observe(r)
		if l := in[i].Report; !math.IsNaN(l.Utilization) && !c.policy.WithoutReports {
			c.pool.Observe(ownReport(name, c.owners[i], at, l))
		}
	}
}

func ownReport(name, origin string, at time.Time, l Load) scorer.Report {
	r := scorer.NewReport(name, origin, at)
	r.Utilization = l.Utilization
	r.RPS, r.EPS, r.InFlight = l.Completed, l.Failed, l.InFlight
	return r
}
