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
		m.ejection = nil
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
		worst := p.worst(t.failures, p.strength())
		if worst == nil {
			break
		}
		t.failures.exclude(worst.failures)
		t.serving--
		if worst.fresh || worst.kept {
			t.fresh--
		}
		worst.ejection = newEjection(now, p.constants)
		worst.ejection.failed, worst.ejection.rest = worst.failures.share(), t.failures.share()
		worst.ejection.stay = p.drowning.seconds()
		worst.serving = false
	}
	p.spare(t.failures)
}

// worst returns the member in service that fails most, if it fails far above
// the rest. One that has most of the strength in service has to fail most of its
// work, too: without it the others would drown, and fail more than it does.
func (p *Pool) worst(all failures, strength float64) *member {
	var worst *member
	for _, m := range p.members {
		if !m.serving || m.pin > 0 || !m.failures.failing(all, p.constants) {
			continue
		}
		if m.capacity*m.factor > strength/2*(1+tie) && m.failures.share() < p.constants.MostFails || p.needs(m) {
			continue
		}
		if worst == nil || m.failures.share() > worst.failures.share() {
			worst = m
		}
	}
	return worst
}

// strength is the sum of the capacities in service.
func (p *Pool) strength() float64 {
	sum := 0.0
	for _, m := range p.members {
		if m.serving {
			sum += m.capacity * m.factor
		}
	}
	return sum
}

func (p *Pool) spare(all failures) {
	for _, m := range p.members {
		if !m.serving {
			continue
		}
		switch factor := m.failures.spare(all, p.constants); {
		case factor == 1:
		case m.needed:
			m.note = reason{cause: becauseNeeded, factor: 1 - factor}
		default:
			m.note = reason{cause: becauseFailures, factor: factor}
		}
	}
}

// hold moves the published logarithms, relative to the configured capacities,
// towards what the law wants.
func (p *Pool) hold(weights []float64) {
	if p.choice.waits != becauseNothing || p.frozen() {
		p.holdFound()
		return
	}
	in := p.scratch.held[:0]
	learned := p.choice.law == p.capacity
	exact := p.choice.law == p.static
	narrow := math.Log1p(p.config.Limits.Deadband)
	var sum, capacity float64
	for i, m := range p.members {
		h := heldLog{held: m.held, known: m.known, stays: !m.serving, width: narrow}
		if !p.panics {
			h.trust = staleTrust(p.confirmed(m), p.config.Limits.StaleAfter, p.constants.StaleDecay)
		}
		if learned {
			h.want = p.capacity.logs[i]
			if h.trust == 1 { // the way back to the configured share is not a guess
				h.width = p.capacity.width(i, narrow)
				if p.capacity.holds { // nothing mends it soon
					h.width = max(p.constants.MaxDeadband, p.constants.HeldDeviations*p.capacity.deviations[i])
				}
			}
		} else {
			h.want = math.Log(weights[i] / m.capacity)
		}
		if p.choice.law == p.goals && p.shedding != nil { // connections are moved by it
			h.width = min(narrow, goalDeadband)
		}
		if m.serving {
			sum += weights[i]
			capacity += m.capacity
		}
		in = append(in, h)
	}
	// Everybody's part of the whole: a mean of logarithms would move them all with
	// one weak backend, whose logarithm is far and uncertain.
	center := 0.0
	if capacity > 0 {
		center = math.Log(sum / capacity)
	}
	for i := range in {
		h := &in[i]
		h.want = (h.want - center) * h.trust
		switch {
		case exact: // nothing is estimated in a configured share
			h.held, h.known = h.want, true
		case h.stays:
			h.want, h.width = h.held, 0
		}
	}
	p.scratch.held = in
	if !p.awaitsRounds(in) {
		p.deadband.move(in)
	}
}

// confirmed is how long ago anything confirmed what is known of a member. A restart
// counts as that: reporters need some time to find their way back.
func (p *Pool) confirmed(m *member) time.Duration {
	if m.recalled && m.age < 0 {
		return p.last.Sub(p.recalled)
	}
	return m.age
}

// holdFound publishes what was in force at the first step.
func (p *Pool) holdFound() {
	var sum, count float64
	for _, m := range p.members {
		if w := p.startingWeight(m); m.serving && w > 0 {
			sum += w
			count++
		}
	}
	mean := sum / max(count, 1)
	in := p.scratch.held[:0]
	for _, m := range p.members {
		h := heldLog{held: m.held, known: m.known}
		// Where nobody serves there is no mean to compare with.
		if w := p.startingWeight(m); !m.known && w > 0 && mean > 0 {
			h.held, h.known = math.Log(w/mean/m.capacity), true
		}
		in = append(in, h)
	}
	p.scratch.held = in
}

// goalDeadband is the deadband of goals that connections are shed by: as wide as the
// others', it would leave a third of what shedding is for.
const goalDeadband = 0.03

// visible is the least relative change of a weight that is worth a new sentence.
const visible = 0.03

// publish gives backend i the logarithm that hold has found for it.
func (p *Pool) publish(i int, m *member) {
	h := &p.scratch.held[i]
	if h.held != m.held || !m.known {
		m.held, m.known = h.held, h.known
		m.factor = math.Exp(h.held)
	}
	// What is said changes only when a person would see a difference.
	if h.moved || math.Abs(m.factor-m.said) > visible*m.said {
		m.said, m.deviation = m.factor, 0
		if p.choice.law == p.capacity {
			m.deviation = p.capacity.deviations[i]
		}
	}
}

// startingWeight is where the first step starts from: what is in force, or what
// was in force when that cannot be known.
func (p *Pool) startingWeight(m *member) float64 {
	if isNumber(m.inForce) {
		return m.inForce
	}
	return p.memory[m.Name].Weight
}

// wish is the weight that a member is to have in the end, relative to the others'.
func (m *member) wish() float64 {
	switch {
	case m.pin > 0:
		return m.pin
	case m.note.cause == becauseFailures:
		return m.capacity * m.factor * m.note.factor
	default:
		return m.capacity * m.factor
	}
}

// share turns the published logarithms into weights within the limits.
func (p *Pool) share(now time.Time, seconds float64, first bool) {
	in := p.scratch.bounded[:0]
	var before, counted float64
	for i, m := range p.members {
		p.publish(i, m)
		if !m.serving {
			continue
		}
		wish := m.wish()
		if m.pin == 0 {
			wish *= p.slowStart(m, now)
		}
		// The first step starts from the weights that it finds.
		if first {
			m.weight, m.tilted = p.startingWeight(m), 0
		}
		if m.weight > 0 {
			before += m.weight
			counted++
		}
		in = append(in, bounded{wish: wish, weight: m.weight, pinned: m.pin > 0})
	}
	p.scratch.bounded = in
	limits := p.config.Limits
	limits.Step = min(limits.Step, p.refill*seconds)
	for k := range in {
		in[k].low, in[k].high = stepBounds(limits, in[k].weight*counted/before)
		if in[k].pinned {
			in[k].low, in[k].high = in[k].wish, in[k].wish
		}
	}
	fit(in, p.config.Limits)
	k := 0
	for _, m := range p.members {
		if m.serving {
			m.weight = in[k].weight
			k++
		}
	}
}
