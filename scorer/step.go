package scorer

import (
	"math"
	"time"
)

// Step closes the window since the last step and returns the plan for the time
// from now on. now must not go backwards.
func (p *Pool) Step(now time.Time) Plan {
	seconds := 1.0
	if p.seq > 0 {
		seconds = max(now.Sub(p.last).Seconds(), 0)
	}
	first := !p.booted
	p.booted = p.booted || len(p.members) > 0
	p.seq++
	p.last = now

	sums := p.gather(now, seconds)
	p.readmit(now, seconds)
	p.enter(now, first)
	p.eject(now)
	p.choice = p.choose(p.evidence(sums, seconds))
	observations := p.observe(now)
	weights := p.choice.law.Weights(now, observations)
	p.hold(now, weights)
	p.share(now, first)
	return p.plan(now)
}

// sums are a pool's totals over one window.
type sums struct {
	inFlight, completed, upgrades float64
	seconds                       float64
	proxies                       int
	reported                      bool
}

// gather closes every member's window.
func (p *Pool) gather(now time.Time, seconds float64) sums {
	var s sums
	for _, m := range p.members {
		m.now = m.signals.close(now, p.config.Limits.StaleAfter)
		m.failures.add(m.now.completed, m.now.failed, m.now.seconds)
		for k := range p.maker.signals {
			if value := m.now.signal(p.maker.signals[k].name); !math.IsNaN(value) {
				m.smoothed[k].add(value, seconds)
			}
		}
		s.proxies = max(s.proxies, m.now.proxies)
		s.reported = s.reported || !math.IsNaN(m.now.utilization)
		if m.now.seconds > 0 && isNumber(m.now.inFlight) && isNumber(m.now.completed) {
			s.inFlight += m.now.inFlight
			s.completed += m.now.completed
			s.upgrades = plus(s.upgrades, m.now.upgrades)
			s.seconds = max(s.seconds, m.now.seconds)
		}
	}
	return s
}

func (p *Pool) evidence(s sums, seconds float64) evidence {
	kind := p.kind.judge(p.config.Kind, s.inFlight, s.completed, s.upgrades, s.seconds)
	e := evidence{kind: kind, stay: p.kind.stay(), reported: s.reported, feedback: len(p.targets) == 0}
	e.fixed = len(p.targets) > 0
	leastConnections := false
	for i := range p.targets {
		a := p.targets[i].inForce.Algorithm
		e.feedback = e.feedback || a.HasFeedback()
		e.fixed = e.fixed && a == FixedWeights
		leastConnections = leastConnections || a == LeastConnections
	}
	p.judgeThin(kind, leastConnections, max(s.proxies, 1))
	p.capacity.leak = p.leak()
	return e
}

// judgeThin finds out whether there is so little in flight that leastconn finds
// an idle server nearly always, and takes it whatever the weights.
func (p *Pool) judgeThin(kind Kind, leastConnections bool, proxies int) {
	serving := 0
	for _, m := range p.members {
		if m.serving {
			serving++
		}
	}
	inFlight, completed := p.kind.pace.top.value, p.kind.pace.bottom.value
	if kind != KindRequests || !leastConnections || serving < 2 || !(completed > 0) {
		p.thin = false
		return
	}
	each := inFlight / float64(serving*proxies)
	p.thin = each < 0.9 || (p.thin && each < 1.1)
}

// leak is the mean over the targets: one pool may steer several algorithms.
func (p *Pool) leak() float64 {
	if len(p.targets) == 0 {
		return defaultLeak
	}
	var sum float64
	for i := range p.targets {
		sum += leakFor(p.targets[i].inForce.Algorithm)
	}
	return sum / float64(len(p.targets))
}

// enter notes which members are in service and since when.
func (p *Pool) enter(now time.Time, first bool) {
	for _, m := range p.members {
		serving := m.Condition == Up && !m.ejection.out
		if serving && !m.serving {
			m.joined = now
			// Backends of the first step were there before trimtab was.
			if first {
				m.joined = time.Time{}
			}
			m.weight = 0
		}
		m.serving = serving
	}
}

// settled says whether a member has been in service for longer than slow start.
func (p *Pool) settled(m *member, now time.Time) bool {
	return m.joined.IsZero() || now.Sub(m.joined) > p.config.Limits.SlowStart
}

// observe prepares what the law sees.
func (p *Pool) observe(now time.Time) []Observation {
	out := p.scratch.observations[:0]
	traffic := p.traffic()
	for _, m := range p.members {
		share := p.shareInForce(m, traffic)
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
			InFlight: m.now.inFlight, Latency: m.now.latency, Utilization: m.now.utilization,
		})
	}
	p.scratch.observations = out
	return out
}

// traffic is how much each target's data plane has in flight, for the mean over
// targets, and that target's mean share.
func (p *Pool) traffic() []targetTraffic {
	out := make([]targetTraffic, len(p.targets))
	for t := range p.targets {
		at := &out[t]
		count := 0
		for _, m := range p.members {
			if share := m.share(t); m.serving && !math.IsNaN(share) {
				at.mean += share
				count++
			}
			if len(p.targets) > 1 {
				at.inFlight += m.signals.inFlightBy(p.targets[t].inForce.Origin)
			}
		}
		at.mean /= float64(max(count, 1))
		// A target that reports nothing still has a say.
		at.inFlight = max(at.inFlight, 1e-3)
	}
	return out
}

type targetTraffic struct{ inFlight, mean float64 }

func (m *member) share(target int) float64 {
	if target >= len(m.shares) {
		return math.NaN()
	}
	return m.shares[target]
}

func (p *Pool) shareInForce(m *member, traffic []targetTraffic) float64 {
	var sum, weight float64
	for t := range traffic {
		share := m.share(t)
		if math.IsNaN(share) || !(traffic[t].mean > 0) {
			continue
		}
		sum += share / traffic[t].mean * traffic[t].inFlight
		weight += traffic[t].inFlight
	}
	return sum / weight // NaN when no target knows the backend
}
