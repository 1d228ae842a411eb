package scorer

import (
	"math"
	"time"
)

// readmit gives a pulse when one is due and takes the member back when it is
// well again.
func (m *member) readmit(now time.Time, seconds float64, canPulse bool) {
	if m.now.seconds > 0 {
		seconds = m.now.seconds
	}
	pulse, well := m.ejection.step(now, m.now.completed, m.now.failed, m.now.inFlight, seconds, canPulse)
	switch {
	case well:
		m.ejection = ejection{}
		m.failures = failures{}
	case pulse > 0:
		m.note = reason{cause: becausePulse, age: pulse}
	}
}

// eject takes out what fails far above the rest, the worst first, and never
// more than the configured share of the pool.
func (p *Pool) eject(now time.Time, t *tally) {
	if t.failures.quick.failed == 0 && t.failures.slow.failed == 0 {
		return
	}
	allowed := max(1, int(p.config.Limits.MaxEjected*float64(t.up)))
	if p.config.Limits.MaxEjected < 0 || t.up < 2 {
		allowed = 0
	}
	for ; t.out < allowed; t.out++ {
		worst := p.worst(t.failures)
		if worst == nil {
			break
		}
		t.failures.exclude(worst.failures)
		t.serving--
		if worst.fresh {
			t.fresh--
		}
		worst.ejection.eject(now)
		worst.ejection.failed, worst.ejection.rest = worst.failures.share(), t.failures.share()
		worst.serving = false
	}
	p.spare(t.failures)
}

// worst returns the member in service that fails most, if it fails far above
// the rest.
func (p *Pool) worst(all failures) *member {
	var worst *member
	for _, m := range p.members {
		if m.serving && m.failures.failing(all) &&
			(worst == nil || m.failures.share() > worst.failures.share()) {
			worst = m
		}
	}
	return worst
}

func (p *Pool) spare(all failures) {
	for _, m := range p.members {
		if !m.serving {
			continue
		}
		if factor := m.failures.spare(all); factor < 1 {
			m.note = reason{cause: becauseFailures, factor: factor}
		}
	}
}

// hold moves the published logarithms, relative to the configured capacities,
// towards what the law wants.
func (p *Pool) hold(weights []float64) {
	in := p.scratch.held[:0]
	var sum, count float64
	for i, m := range p.members {
		h := m.held
		h.want = p.wanted(i, weights[i]/m.capacity)
		in = append(in, h)
		if m.serving {
			sum += h.want
			count++
		}
	}
	center := sum / max(count, 1)
	exact := p.choice.law == p.static
	for i, m := range p.members {
		h := &in[i]
		trust := staleTrust(m.age, p.config.Limits.StaleAfter)
		if p.panics {
			trust = 0
		}
		h.want = (h.want - center) * trust
		deviation := p.deviation(i)
		if trust < 1 {
			deviation = 0 // the way back to the configured share is not a guess
		}
		h.width = deadbandWidth(p.config.Limits.Deadband, deviation)
		switch {
		case exact: // nothing is estimated in a configured share
			h.held, h.known = h.want, true
		case !m.serving:
			h.want, h.width = h.held, 0 // waits with what it had
		}
	}
	p.scratch.held = in
	p.deadband.move(in)
	for i, m := range p.members {
		m.take(in[i], p.deviation(i))
	}
}

// wanted is the logarithm of what the law wants relative to the configured
// capacity. The law that works in logarithms is spared the way back.
func (p *Pool) wanted(i int, ratio float64) float64 {
	if p.choice.law == p.capacity {
		return p.capacity.log(i)
	}
	return math.Log(ratio)
}

// visible is the least relative change of a weight that is worth a new sentence.
const visible = 0.03

func (m *member) take(h heldLog, deviation float64) {
	if h.held != m.held.held {
		m.factor = math.Exp(h.held)
	}
	// What is said changes only when a person would see a difference.
	if math.Abs(m.factor-m.said) > visible*m.said || h.moved {
		m.said, m.deviation = m.factor, deviation
	}
	m.held = h
}

func (p *Pool) deviation(i int) float64 {
	if p.choice.law == p.capacity {
		return p.capacity.deviation(i)
	}
	return 0
}

// share turns the published logarithms into weights within the limits.
func (p *Pool) share(now time.Time, first bool) {
	in, of := p.scratch.bounded[:0], p.scratch.boundedOf[:0]
	var before, counted float64
	for i, m := range p.members {
		if !m.serving {
			continue
		}
		wish := m.capacity * m.factor *
			slowStart(m.joined, now, p.config.Limits.SlowStart)
		if m.note.cause == becauseFailures {
			wish *= m.note.factor
		}
		in = append(in, bounded{wish: wish})
		of = append(of, i)
		// The first step starts from the weights that it finds.
		if first && isNumber(m.inForce) {
			m.weight = m.inForce
		}
		if m.weight > 0 {
			before += m.weight
			counted++
		}
	}
	p.scratch.bounded, p.scratch.boundedOf = in, of
	for k, i := range of {
		in[k].low, in[k].high = stepBounds(p.config.Limits, p.members[i].weight*counted/before)
	}
	fit(in, p.config.Limits)
	for k, i := range of {
		p.members[i].weight = in[k].weight
	}
}
