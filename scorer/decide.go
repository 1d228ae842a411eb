package scorer

import (
	"math"
	"time"
)

// plan writes down what the step has decided.
func (p *Pool) plan(now time.Time) Plan {
	p.explain(now)
	scores := p.scores()
	plan := Plan{
		Pool: p.config.Name, Seq: p.seq, At: now,
		Law: p.choice.name, LawWhy: p.choice.why, Advice: p.advice(),
		Imbalance: imbalance(scores),
		Decisions: make([]Decision, len(p.members)),
	}
	if p.config.DryRun {
		plan.Mode = DryRun
	}
	for i, m := range p.members {
		d := &plan.Decisions[i]
		*d = Decision{
			Backend: m.Name, Score: scores[i], Why: m.why,
			InFlight: m.now.inFlight, RPS: m.now.completed, EPS: m.now.failed,
			Latency: m.now.latency, Utilization: m.now.utilization,
			ReportAge: m.age,
		}
		d.State, d.Weight, d.Pulse = p.stateOf(m)
	}
	return plan
}

func (p *Pool) stateOf(m *member) (State, float64, time.Duration) {
	switch {
	case m.Condition == Down:
		return StateDown, p.returning(m), 0
	case m.Condition == Draining:
		return StateDraining, 0, 0
	case m.ejection.out && m.note.cause == becausePulse:
		return StateEjected, p.returning(m), m.note.age
	case m.ejection.out:
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
		w *= slowStartFirst
	}
	return min(max(w, p.config.Limits.Floor), p.config.Limits.Ceiling)
}

// scores are taken per capacity as it is known now: the law's where it has
// learned one, the configured one otherwise.
func (p *Pool) scores() []float64 {
	in := p.scratch.inputs[:0]
	values := p.scratch.values[:0]
	for _, m := range p.members {
		from := len(values)
		for k := range p.maker.signals {
			value := math.NaN()
			raw := m.now.signal(p.maker.signals[k].name)
			switch {
			case m.Condition == Down || math.IsNaN(raw):
			case p.maker.signals[k].name == signalConnections:
				value = raw
			default:
				value = m.smoothed[k].value
			}
			values = append(values, value)
		}
		in = append(in, scoreInput{capacity: m.capacity * m.factor, signals: values[from:]})
	}
	if cap(p.scratch.scores) < len(p.members) {
		p.scratch.scores = make([]float64, len(p.members))
	}
	scores := p.scratch.scores[:len(p.members)]
	p.maker.scores(in, scores)
	p.scratch.inputs, p.scratch.values = in, values
	return scores
}
