package scorer

import (
	"time"
)

// plan writes down what the step has decided.
func (p *Pool) plan(now time.Time, seconds float64) Plan {
	plan := Plan{
		Pool: p.config.Name, Seq: p.seq, At: now, Kind: p.kind.kind,
		Law: p.choice.name, LawWhy: p.choice.why, Advice: p.advice(),
		Mode: p.mode(), Decisions: make([]Decision, len(p.members)),
	}
	for i, m := range p.members {
		p.explain(i, m, now)
		p.maker.add(p.strengthOf(m))
		d := &plan.Decisions[i]
		*d = Decision{
			Backend: m.Name, Why: m.why, Pinned: m.pin > 0, Drained: m.drained,
			InFlight: m.now.inFlight, RPS: m.now.completed, EPS: m.now.failed,
			Latency: m.now.latency, Utilization: m.now.utilization,
			ReportAge: m.age,
		}
		d.State, d.Weight, d.Pulse = p.stateOf(m)
		d.Probe = d.State == StateEjected && !p.pulses && !p.frozen() && !now.Before(m.ejection.next)
	}
	scores := p.maker.scores()
	plan.Imbalance = p.imbalance(scores)
	terms := p.maker.terms()
	for i := range scores {
		plan.Decisions[i].Score = scores[i]
		plan.Decisions[i].Terms, terms = terms[:len(p.maker.signals):len(p.maker.signals)], terms[len(p.maker.signals):]
	}
	p.shed(now, seconds, &plan)
	plan.Scale = p.advise(&plan)
	return plan
}

// strengthOf is a backend's capacity as far as it is known: learned, where that is
// what the law does or did until work began to wait, or configured.
func (p *Pool) strengthOf(m *member) float64 {
	if p.choice.law == p.capacity || p.choice.waits == becauseHeld {
		return m.capacity * m.factor
	}
	return m.capacity
}

func (p *Pool) stateOf(m *member) (State, float64, time.Duration) {
	switch {
	case m.drained: // also while it is down: it must not come back with work
		return StateDraining, 0, 0
	case m.Condition == Down && m.ejection != nil:
		return StateDown, 0, 0
	case m.Condition == Down && m.pin > 0:
		return StateDown, m.pin, 0
	case m.Condition == Down:
		return StateDown, p.returning(m), 0
	case m.Condition == Draining:
		return StateDraining, 0, 0
	case m.ejection != nil && m.note.cause == becausePulse:
		return StateEjected, p.returning(m), m.note.age
	case m.ejection != nil:
		return StateEjected, 0, 0
	case m.fresh:
		return StateReady, m.weight, 0
	default:
		return StateUnknown, m.weight, 0
	}
}

// returning is the weight that a backend which is out comes back with: the
// first one of slow start, in place before the proxy sends it anything.
func (p *Pool) returning(m *member) float64 {
	w := m.capacity * m.factor
	if p.config.Limits.SlowStart > 0 {
		w *= p.constants.SlowStartFirst
	}
	return min(max(w, p.config.Limits.Floor), p.config.Limits.Ceiling)
}
