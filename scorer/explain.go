package scorer

import "time"

// explain puts the reason for every member's weight in words.
func (p *Pool) explain(now time.Time) {
	for i, m := range p.members {
		if r := p.reasonOf(i, m, now); r != m.shown || m.why == "" {
			m.shown, m.why = r, r.String()
		}
	}
}

func (p *Pool) reasonOf(i int, m *member, now time.Time) reason {
	switch {
	case m.Condition == Down:
		return reason{cause: becauseDown}
	case m.Condition == Draining:
		return reason{cause: becauseDraining}
	case m.ejection.out && m.note.cause == becausePulse:
		return m.note
	case m.ejection.out:
		wait := max(m.ejection.next.Sub(now), 0).Round(time.Second)
		return reason{cause: becauseEjected, factor: m.ejection.failed, rest: m.ejection.rest, age: wait}
	case p.panics:
		return reason{cause: becausePanic}
	case m.note.cause == becauseFailures:
		return reason{cause: becauseFailures, factor: coarse(m.note.factor)}
	case !m.joined.IsZero() && !p.settled(m, now):
		return reason{cause: becauseSlowStart, factor: coarse(slowStart(m.joined, now, p.config.Limits.SlowStart))}
	case p.choice.law == p.static:
		return reason{cause: becauseConfigured}
	case m.age < 0:
		return reason{cause: becauseSilent}
	case m.age > p.config.Limits.StaleAfter:
		return reason{cause: becauseStale, age: m.age.Round(time.Second)}
	}
	r := reason{cause: becauseConnections, factor: m.said, thin: p.thin}
	if p.choice.law == p.capacity {
		r.cause, r.rest = p.capacity.cause(i)
		r.rest = coarse(r.rest)
		r.deviation = m.deviation
		if r.cause == becauseEqual {
			r.factor, r.deviation = 0, 0
		}
	}
	return r
}

// advice is what no weight can repair.
func (p *Pool) advice() string {
	if p.thin {
		return "less than about one request is in flight for each proxy and server, and leastconn takes an idle server " +
			"whatever its weight, so weights do next to nothing here: `balance random(2)` uses them at any load"
	}
	if p.choice.law != p.static || p.kind.kind == KindConnections || p.config.Law == LawStatic {
		return ""
	}
	for i := range p.targets {
		switch p.targets[i].inForce.Algorithm {
		case RoundRobin:
			return "round robin looks at nothing but weights, and nothing is reported to learn them from: " +
				"change to `balance leastconn` (or `random(2)` with little in flight), or have the backends report their load"
		case FixedWeights:
			return "the balancing algorithm takes no weights while running: change to `balance leastconn` or `random(2)`"
		}
	}
	return ""
}
