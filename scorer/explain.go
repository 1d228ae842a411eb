package scorer

import "time"

// maxSentences is how many reasons are put in words anew in one step. In a pool
// of thousands most of them change by a few per cent at every step, and may be
// some steps late; a reason of another kind never is.
const maxSentences = 500

// explain puts the reason for every member's weight in words.
func (p *Pool) explain(now time.Time) {
	sentences, next := 0, 0
	for k := range p.members {
		// Beginning where the last step ended, so that everybody has a turn.
		i := (p.explained + k) % len(p.members)
		m := p.members[i]
		r := p.reasonOf(i, m, now)
		if r == m.shown || (sentences >= maxSentences && r.cause == m.shown.cause && r.thin == m.shown.thin) {
			continue
		}
		m.shown, m.why = r, r.String()
		if sentences++; sentences == maxSentences {
			next = i + 1
		}
	}
	p.explained = next
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
