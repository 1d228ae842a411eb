package scorer

import (
	"math"
	"slices"
	"time"
)

// Step closes the window since the last step and returns the plan for the time
// from now on. now must not go backwards.
func (p *Pool) Step(now time.Time) Plan {
	seconds := 1.0
	if p.seq > 0 {
		seconds = max(now.Sub(p.last).Seconds(), 0)
	}
	if p.steps > 0 || len(p.members) > 0 {
		p.steps++
	}
	first := p.steps <= 1
	p.seq++
	p.last = now

	t := p.gather(now, seconds, first)
	p.watchStay(seconds)
	if !p.frozen() {
		p.eject(now, &t)
	}
	p.choice = p.choose(p.evidence(&t))
	traffic := p.traffic()
	observations := p.observe(now, traffic)
	if p.choice.law == p.goals {
		p.blend(observations)
	}
	weights := p.choice.law.Weights(now, observations)
	p.panics = panicking(t.usable(), t.all, p.constants.Panic)
	if p.frozen() && !first {
		p.keep()
	} else {
		p.hold(weights)
		// What was planned but not carried out is nowhere: a step begins at what is.
		p.share(now, seconds, first || (p.wasDry && p.mode() != DryRun))
	}
	p.wasDry = p.mode() == DryRun
	if float64(p.steps) > p.constants.Patience {
		p.memory, p.capacity.memory = nil, nil // whoever comes now is another one of the same name
	}
	return p.plan(now, seconds)
}

// tally is a pool's totals over one window. Everything is counted in one pass:
// with ten thousand backends it is memory that takes the time.
type tally struct {
	inFlight, completed, upgrades float64
	// handled is what is in flight by Little's law, from response times.
	handled float64
	seconds float64
	proxies int
	// timed is that response times are known, told that upgrades are.
	reported, timed, told bool
	failures              failures
	// all leaves out those that drain; up, out, serving and fresh (serving with
	// fresh reports) are parts of it.
	all, up, out, serving, fresh int
}

// usable is how many members can be counted on. Where nobody reports, silence
// says nothing.
func (t *tally) usable() int {
	if t.fresh == 0 {
		return t.serving
	}
	return t.fresh
}

// gather closes every member's window, readmits what is well again, and notes
// who is in service.
func (p *Pool) gather(now time.Time, seconds float64, first bool) tally {
	var t tally
	p.maker.begin()
	p.pulses = slices.ContainsFunc(p.targets, func(t poolTarget) bool { return t.inForce.Pulses })
	for _, m := range p.members {
		m.signals.close(now, p.config.Limits.StaleAfter, &m.now)
		m.age = m.signals.age(now)
		m.fresh = m.age >= 0 && m.age <= p.config.Limits.StaleAfter
		m.kept = m.recalled && m.age < 0 && now.Sub(p.recalled) <= p.config.Limits.StaleAfter
		m.failures.add(m.now.completed, m.now.failed, p.fading.over(m.now.seconds, p.constants))
		m.score(&p.maker, seconds)
		m.note = reason{}
		judged := m.ejection != nil && m.Condition == Up && !p.frozen()
		if judged {
			m.readmit(now, seconds, p.pulses)
		}
		m.needed = m.needed && m.failures.share() > p.constants.EjectAbove/2
		warm := judged && m.ejection != nil && p.reprieve(m)
		m.enter(now, first, p.frozen())
		if warm {
			m.joined = time.Time{}
		}
		t.count(m)
	}
	if t.serving == 0 && t.out > 0 && !p.frozen() {
		return p.takeBack(now, first)
	}
	return t
}

// takeBack readmits everybody who is ejected: where nobody else is left, a server
// that fails is no worse than none.
func (p *Pool) takeBack(now time.Time, first bool) tally {
	var t tally
	for _, m := range p.members {
		m.ejection = nil
		m.enter(now, first, false)
		t.count(m)
	}
	return t
}

func (t *tally) count(m *member) {
	if m.Condition != Draining {
		t.all++
	}
	if m.Condition == Up {
		t.up++
	}
	if m.ejection != nil {
		t.out++
	}
	if m.serving {
		t.serving++
		t.failures.include(m.failures)
		if m.fresh || m.kept {
			t.fresh++
		}
	}
	t.proxies = max(t.proxies, m.now.proxies)
	t.reported = t.reported || !math.IsNaN(m.now.utilization)
	if m.now.seconds > 0 && isNumber(m.now.inFlight) && isNumber(m.now.completed) {
		t.inFlight += m.now.inFlight
		t.completed += m.now.completed
		t.upgrades = plus(t.upgrades, m.now.upgrades)
		t.told = t.told || isNumber(m.now.upgrades)
		if isNumber(m.now.latency) {
			t.timed = true
			t.handled += min(m.now.completed*m.now.latency, m.now.inFlight)
		}
		t.seconds = max(t.seconds, m.now.seconds)
	}
}

func (p *Pool) evidence(t *tally) evidence {
	kind := p.kind.judge(p.config.Kind, t)
	e := evidence{
		kind: kind, holds: p.kind.holds, waits: p.kind.holds || p.kind.waits,
		stay: p.kind.stay(), reported: t.reported, feedback: len(p.targets) == 0,
	}
	e.awaited = p.reported && p.memory != nil && !(t.reported && t.seconds > 0)
	p.reported = t.reported || e.awaited
	e.fixed = len(p.targets) > 0
	leastConnections := false
	heard := p.heard()
	for i := range p.targets {
		if !heard[i] {
			continue
		}
		a := p.targets[i].inForce.Algorithm
		e.feedback = e.feedback || a.HasFeedback()
		e.fixed = e.fixed && a == FixedWeights
		leastConnections = leastConnections || a == LeastConnections
	}
	p.judgeThin(kind, leastConnections, t.serving, max(t.proxies, 1))
	p.capacity.leak = p.leak()
	// Where connections are counted with requests, a weight that moves faster than they
	// come sends all requests or none to a backend until they have followed.
	p.refill = math.Inf(1)
	if e.holds && e.feedback && kind != KindConnections {
		p.refill = p.kind.refill.top.value / max(p.kind.refill.bottom.value, 1)
	}
	p.rounds.measure(t)
	return e
}

// heard is of which targets something is reported: where nothing goes through,
// nothing can be learned, however it balances. All of them count while nobody is
// heard of.
func (p *Pool) heard() []bool {
	out := make([]bool, len(p.targets))
	since, some := p.last.Add(-p.config.Limits.StaleAfter), len(p.targets) == 1
	for t := range out {
		origin := p.targets[t].inForce.Origin
		out[t] = len(out) == 1 || slices.ContainsFunc(p.members, func(m *member) bool { return m.signals.heardBy(origin, since) })
		some = some || out[t]
	}
	for t := range out {
		out[t] = out[t] || !some
	}
	return out
}

// judgeThin finds out whether there is so little in flight that leastconn finds
// an idle server nearly always, and takes it whatever the weights.
func (p *Pool) judgeThin(kind Kind, leastConnections bool, serving, proxies int) {
	inFlight, completed := p.kind.pace.top.value, p.kind.pace.bottom.value
	if kind != KindRequests || !leastConnections || serving < 2 || !(completed > 0) {
		p.thin = false
		return
	}
	each := inFlight / float64(serving*proxies)
	p.thin = each < p.constants.ThinBelow || (p.thin && each < p.constants.ThinUntil)
}

// leak is the mean over the targets: one pool may steer several algorithms.
func (p *Pool) leak() float64 {
	if len(p.targets) == 0 {
		return p.constants.Leak
	}
	var sum float64
	for i := range p.targets {
		sum += p.constants.leakFor(p.targets[i].inForce.Algorithm)
	}
	return sum / float64(len(p.targets))
}

// enter notes whether a member is in service and since when.
func (m *member) enter(now time.Time, first, frozen bool) {
	serving := m.Condition == Up && m.ejection == nil
	if serving && !m.serving {
		m.joined = now
		// Backends of the first step were there before trimtab was.
		if first {
			m.joined = time.Time{}
		}
		if !frozen {
			m.weight = 0
		}
	}
	m.serving = serving
}

// settled says whether a member has been in service for longer than slow start.
func (p *Pool) settled(m *member, now time.Time) bool {
	return m.joined.IsZero() || now.Sub(m.joined) > p.config.Limits.SlowStart
}

// observe prepares what the law sees.
func (p *Pool) observe(now time.Time, traffic []targetTraffic) []Observation {
	out := p.scratch.observations[:0]
	for _, m := range p.members {
		share := p.shareInForce(m, traffic)
		m.inForce = share
		failed := m.now.failed
		if math.IsNaN(failed) {
			failed = 0
		}
		out = append(out, Observation{
			Backend: m.Name, Capacity: m.capacity, Share: share,
			InService: m.serving && share != 0,
			Settled:   p.settled(m, now),
			Seconds:   m.now.seconds,
			Completed: m.now.completed - failed, Failed: failed,
			InFlight: m.now.inFlight, Latency: m.now.latency, Utilization: m.now.utilization, Reported: m.now.reported, Served: m.now.served,
		})
	}
	p.scratch.observations = out
	return out
}

// traffic is how much each target's data plane has in flight, for the mean over
// targets, and that target's mean share.
func (p *Pool) traffic() []targetTraffic {
	out := make([]targetTraffic, len(p.targets))
	if len(out) == 1 {
		out[0] = targetTraffic{1, 1} // only ratios matter
		return out
	}
	for t := range p.targets {
		at := &out[t]
		count := 0
		for _, m := range p.members {
			if share := p.targets[t].shares[m.place]; m.serving && !math.IsNaN(share) {
				at.mean += share
				count++
			}
			at.inFlight += m.signals.inFlightBy(p.targets[t].inForce.Origin)
		}
		at.mean /= float64(max(count, 1))
		// A target that reports nothing still has a say.
		at.inFlight = max(at.inFlight, 1e-3)
	}
	return out
}

type targetTraffic struct{ inFlight, mean float64 }

func (p *Pool) shareInForce(m *member, traffic []targetTraffic) float64 {
	var sum, weight float64
	for t := range traffic {
		share := p.targets[t].shares[m.place]
		if math.IsNaN(share) || !(traffic[t].mean > 0) {
			continue
		}
		sum += share / traffic[t].mean * traffic[t].inFlight
		weight += traffic[t].inFlight
	}
	return sum / weight // NaN when no target knows the backend
}
