package scorer

import (
	"math"
	"slices"
	"time"
)

// maxSentences is about how many reasons are put in words anew in one step. In a
// pool of thousands most of them change by a few per cent at every step, and wait
// for their turn; a reason of another kind never does.
const maxSentences = 500

// explain puts the reason for member i's weight in words.
func (p *Pool) explain(i int, m *member, now time.Time) {
	because := p.causeOf(i, m, now)
	turns := uint64(1 + len(p.members)/maxSentences)
	if because == m.shown.cause && p.thin == m.thin && (p.seq+uint64(i))%turns != 0 {
		return
	}
	m.thin = p.thin
	order := p.orderFor(because, m)
	if r := p.reasonFor(because, i, m, now); r != m.shown || order != m.order {
		m.shown, m.order, m.why = r, order, r.String()+order
	}
}

// orderFor is who ordered what is the cause, and why.
func (p *Pool) orderFor(because cause, m *member) string {
	switch because {
	case becauseDrained:
		return p.orders.Drains[m.Name].String()
	case becausePinned:
		return p.orders.Pins[m.Name].String()
	case becauseFrozen:
		return p.orders.Frozen.String()
	default:
		return ""
	}
}

// causeOf finds what decided member i's weight.
func (p *Pool) causeOf(i int, m *member, now time.Time) cause {
	switch {
	case m.drained:
		return becauseDrained
	case m.Condition == Down:
		return becauseDown
	case m.Condition == Draining:
		return becauseDraining
	case m.pin > 0:
		return becausePinned
	case m.ejection != nil && m.note.cause == becausePulse:
		return becausePulse
	case m.ejection != nil:
		return becauseEjected
	case p.frozen():
		return becauseFrozen
	case p.panics:
		return becausePanic
	case m.note.cause == becauseFailures, m.note.cause == becauseNeeded:
		return m.note.cause
	case !m.joined.IsZero() && !p.settled(m, now):
		return becauseSlowStart
	case p.choice.waits != becauseNothing:
		return p.choice.waits
	case p.choice.law == p.static:
		return becauseConfigured
	case m.kept:
		return becauseKept
	case p.confirmed(m) < 0:
		return becauseSilent
	case p.confirmed(m) > p.config.Limits.StaleAfter:
		return becauseStale
	case p.choice.law == p.capacity:
		return p.capacity.cause(i)
	case p.choice.law == p.other:
		return becauseOther
	case p.goals.taken(m.Name):
		return becauseTaken
	default:
		return becauseConnections
	}
}

// reasonFor adds the figures to a cause.
func (p *Pool) reasonFor(because cause, i int, m *member, now time.Time) reason {
	r := reason{cause: because}
	switch because {
	case becausePinned:
		r.factor = m.pin
	case becausePulse:
		return m.note
	case becauseEjected:
		r.factor, r.rest = m.ejection.failed, m.ejection.rest
		r.age = max(m.ejection.next.Sub(now), 0).Round(time.Second)
	case becauseFailures, becauseNeeded:
		r.factor = coarse(m.note.factor)
	case becauseSlowStart:
		r.factor = coarse(p.slowStart(m, now))
	case becauseStale:
		r.age = p.confirmed(m).Round(time.Second)
	case becauseEqual:
		r.thin, r.change = p.thin, p.capacity.changed(i, now)
	case becauseQueue:
		r.factor, r.deviation = m.said, m.deviation
		r.rest = coarse(math.Exp(p.capacity.states[i].queue.correction()))
	case becauseLatency, becauseReport, becauseLastReport:
		r.factor, r.deviation, r.thin = m.said, m.deviation, p.thin
		r.change = p.capacity.changed(i, now)
	case becauseQueueAlone, becauseUnreported:
		r.factor = m.said
	case becauseConnections, becauseOther:
		r.factor, r.deviation, r.thin = m.said, m.deviation, p.thin
	case becauseDoubted:
		r.factor, r.deviation, r.thin = m.said, m.deviation, p.thin
		r.change = p.capacity.changed(i, now)
		r.rest = coarse(p.capacity.claim(i))
	}
	return r
}

// advice is what no weight can repair.
func (p *Pool) advice() string {
	if p.thin {
		return "less than about one request is in flight for each proxy and server, and leastconn takes an idle server " +
			"whatever its weight, so weights do next to nothing here: `balance random(2)` uses them at any load"
	}
	blind := p.choice.law == p.capacity && p.capacity.witness == byQueues && !p.reported
	if p.choice.law != p.static && !blind || p.kind.kind == KindConnections || p.config.Law == LawStatic {
		return ""
	}
	learns := slices.ContainsFunc(p.targets, func(t poolTarget) bool { return t.inForce.Algorithm.HasFeedback() })
	for i := range p.targets {
		switch p.targets[i].inForce.Algorithm {
		case RoundRobin:
			if learns {
				continue // one that does is enough
			}
			return "round robin looks at nothing but weights, and queues that have built up are all that there is to learn them from: " +
				"have the backends report their load, or let the proxy look at work in flight (HAProxy: `balance leastconn`, or `random(2)` " +
				"with little in flight; Envoy: LEAST_REQUEST)"
		case FixedWeights:
			return "the balancing algorithm takes no weights while running: change it (HAProxy: `balance leastconn` or `random(2)`; Envoy: LEAST_REQUEST)"
		}
	}
	return ""
}
