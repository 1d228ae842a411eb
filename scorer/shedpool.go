package scorer

import (
	"hash/fnv"
	"math"
	"slices"
	"time"
)

// reloadedFor is how long after a reload counts are not complete.
const reloadedFor = 10 * time.Second

// Closed takes how many connections somebody has closed for a plan, none included. It
// is to be called once for each plan, backend and closer, and for all closers of a plan
// before the next step: from the first on, only what was told counts.
func (p *Pool) Closed(c Closed) {
	if p.shedder == nil {
		return
	}
	if b := p.shedder.states[c.Backend]; b != nil {
		b.closings.tell(c)
	}
}

// shed writes into the plan how many connections are to leave which backend.
func (p *Pool) shed(now time.Time, seconds float64, plan *Plan) {
	for i := range plan.Decisions {
		plan.Decisions[i].Goal = math.NaN()
	}
	seconds = p.usual.bound(seconds)
	state := p.rebalance(now)
	if !p.holdsConnections() {
		plan.Shedding = p.nothingToMove(state)
		p.tilt(plan)
		p.drains(now, seconds, plan)
		return
	}
	permission := p.permission(now)
	p.look(now, permission.config.Sharers)
	if p.shedding != nil || state == RebalanceRunning {
		plan.Shedding = p.shedder.step(now, seconds, p.holdings, permission)
	} else {
		p.shedder.judge(now, p.holdings, &permission)
		plan.Shedding.Why = "nothing is configured of it"
	}
	plan.Shedding.Rebalance = state
	p.followOrder(now, &plan.Shedding)
	p.tilt(plan)
	for i := range plan.Decisions {
		v, d := &p.shedder.verdicts[i], &plan.Decisions[i]
		d.Goal = v.goal
		d.Shed = Shed{Count: v.count, Why: v.why, Parts: p.parts(p.members[i], v.count)}
	}
	p.drains(now, seconds, plan)
}

// nothingToMove is shedding in a pool that holds no connections, as far as is known.
func (p *Pool) nothingToMove(state RebalanceState) Shedding {
	out := Shedding{Rebalance: state}
	switch state {
	case RebalanceRefused:
		out.Why = ErrNothingToMove.Error()
	case RebalanceRunning:
		out.State, out.Why = ShedHeld, notKnown
		p.unfinished = out.Why
	case RebalanceExpired:
		out.Why = p.unfinished
	}
	return out
}

// notKnown is why nobody is asked to reconnect in a pool of which the kind is not known.
const notKnown = "what the pool serves is not known yet, and requests are not to be moved"

// holdsConnections says whether what the pool has open is worth moving.
func (p *Pool) holdsConnections() bool {
	return p.kind.kind == KindConnections || p.kind.holds
}

// look shows the controller everything that is known now.
func (p *Pool) look(now time.Time, sharers int) {
	if p.shedder == nil {
		p.shedder = newShedder(p.seed(now))
	}
	p.collect()
	proxies := 0
	for _, m := range p.members {
		proxies = max(proxies, m.now.proxies)
	}
	p.shedder.see(now, p.holdings, proxies, float64(sharers), p.reloads(now))
}

// seed is another one for each pool and each start.
func (p *Pool) seed(now time.Time) uint64 {
	hash := fnv.New64a()
	hash.Write([]byte(p.config.Name)) //nolint:errcheck // a hash never fails
	return hash.Sum64() ^ uint64(now.UnixNano())
}

// collect makes the controller's view.
func (p *Pool) collect() {
	var weights float64
	for _, m := range p.members {
		if m.serving {
			weights += p.placing(m)
		}
	}
	feedback := len(p.targets) == 0 || slices.ContainsFunc(p.targets, func(t poolTarget) bool { return t.inForce.Algorithm.HasFeedback() })
	p.holdings = p.holdings[:0]
	for _, m := range p.members {
		h := holding{
			name: m.Name, held: m.now.held, seen: m.now.seen, opened: m.now.upgrades,
			capacity: p.strengthOf(m), utilization: m.now.utilization, fresh: m.fresh,
		}
		if isNumber(m.now.limit) {
			h.limit = m.now.limit
		}
		// Load reports of a proxy that does not tell connections from requests count
		// them when they open.
		if math.IsNaN(h.opened) && m.now.proxies > 0 && p.kind.kind == KindConnections {
			h.opened = m.now.completed
		}
		if m.serving && weights > 0 {
			h.share = p.placing(m) / weights
		}
		if !feedback {
			h.inflow = h.share
		}
		if p.choice.law == p.goals && m.serving {
			h.dear, h.fair = p.goals.dear(m.Name)
			h.taken = p.goals.taken(m.Name)
		}
		p.holdings = append(p.holdings, h)
	}
}

// placing is the weight that connections are really placed by, as far as that is
// known: other goals would send back who was just placed. Where weights are tilted, it
// is the one that they are tilted from.
func (p *Pool) placing(m *member) float64 {
	if isNumber(m.inForce) && p.placesByCount() {
		return m.inForce
	}
	return m.weight
}

func (p *Pool) permission(now time.Time) permission {
	out := permission{
		config: DefaultShed(), once: p.rebalance(now) == RebalanceRunning,
		recording: p.mode() == Active, seq: p.seq,
	}
	if p.shedding != nil {
		out.config = *p.shedding
	}
	out.held = p.holdShedding(now)
	return out
}

// holdShedding says why nobody may be asked to reconnect; empty when nothing forbids
// it.
func (p *Pool) holdShedding(now time.Time) string {
	switch {
	case p.frozen():
		return "frozen " + p.orders.Frozen.String()
	case p.reloads(now):
		return reloading
	case p.panics:
		return "more than half of the pool is down, ejected or silent"
	default:
		return ""
	}
}

const reloading = "a proxy reloads: what it has open is not known for some seconds"

// reloads says whether some proxy does, or has lately.
func (p *Pool) reloads(now time.Time) bool {
	return !p.reloaded.IsZero() && now.Sub(p.reloaded) < reloadedFor ||
		slices.ContainsFunc(p.targets, func(t poolTarget) bool { return t.inForce.Reloading })
}

// parts shares a count out by what is open through each target.
func (p *Pool) parts(m *member, count int) []ShedPart {
	if count == 0 || len(p.targets) == 0 {
		return nil
	}
	open := make([]float64, len(p.targets))
	var total float64
	since := p.last.Add(-p.config.Limits.StaleAfter)
	for t := range p.targets {
		if origin := p.targets[t].inForce.Origin; m.signals.heardBy(origin, since) {
			open[t] = m.signals.inFlightBy(origin)
		}
		total += open[t]
	}
	var out []ShedPart
	for t, n := range apportion(count, open, total) {
		if n > 0 {
			out = append(out, ShedPart{Target: p.targets[t].name, Count: n})
		}
	}
	return out
}
