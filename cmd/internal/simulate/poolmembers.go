package simulate

import (
	"maps"
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
	c.order(now)
}

// order has backends drained that are to be.
func (c *poolController) order(now time.Duration) {
	drains := map[string]scorer.Drain{}
	for i := range c.present {
		if condition := c.setup.Scenario.Condition(i, now); c.present[i] && condition.Draining > 0 {
			drains[c.setup.Scenario.Backends[i].Name] = scorer.Drain{
				Order: scorer.Order{Who: "deploy", At: epoch().Add(condition.DrainedFrom)}, Over: condition.Draining,
			}
		}
	}
	if !maps.Equal(drains, c.drains) {
		c.drains = drains
		c.pool.SetOrders(scorer.Orders{Drains: drains})
	}
}

func (c *poolController) member(i int, now time.Duration, up bool) scorer.Backend {
	b, condition := &c.setup.Scenario.Backends[i], c.setup.Scenario.Condition(i, now)
	out := scorer.Backend{Name: b.Name, Address: address(i), Capacity: b.configured() * condition.Weight}
	switch {
	case condition.CapacityHint > 0:
		out.Capacity = condition.CapacityHint
	case b.CapacityHint > 0:
		out.Capacity = b.CapacityHint
	}
	if !up && condition.Away() {
		out.Condition = scorer.Down
	}
	return out
}

// probed tells the outcome of the health requests that the last plan asked for,
// for proxies that cannot let a few real ones through.
func (c *poolController) probed(now time.Duration) {
	for _, name := range c.probing {
		condition := c.setup.Scenario.Condition(c.index[name], now)
		ok := !condition.Hanging && !condition.Out() && c.probes.Float64() >= condition.Errors
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
		c.observe(now, r)
		if l := in[i].Report; !math.IsNaN(l.Utilization) && !c.policy.WithoutReports {
			c.pool.Observe(ownReport(name, c.owners[i], at, l))
		}
	}
}

// lateReport is what a proxy says, and when it arrives.
type lateReport struct {
	due    time.Duration
	report scorer.Report
}

func (c *poolController) observe(now time.Duration, r scorer.Report) {
	if delay := c.setup.Scenario.ViewDelay; delay > 0 {
		c.late = append(c.late, lateReport{now + delay, r})
		return
	}
	c.pool.Observe(r)
}

// arrive delivers what is due.
func (c *poolController) arrive(now time.Duration) {
	n := 0
	for ; n < len(c.late) && c.late[n].due <= now; n++ {
		c.pool.Observe(c.late[n].report)
	}
	c.late = c.late[n:]
}

// closed tells the pool what became of its last plan.
func (c *poolController) closed(now time.Duration, in []Sample) {
	for i := range in {
		if in[i].Closed > 0 || c.steering.Sheds[i] > 0 {
			c.pool.Closed(scorer.Closed{
				Backend: c.setup.Scenario.Backends[i].Name, Seq: c.seq, At: epoch().Add(now - Tick), Count: in[i].Closed,
			})
		}
	}
}

func ownReport(name, origin string, at time.Time, l Load) scorer.Report {
	r := scorer.NewReport(name, origin, at)
	r.Utilization = l.Utilization
	r.RPS, r.EPS, r.InFlight = l.Completed, l.Failed, l.InFlight
	return r
}
