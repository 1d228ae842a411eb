package scorer

import (
	"math"
	"time"
)

// readmit gives due pulses and takes back what is well again.
func (p *Pool) readmit(now time.Time, seconds float64) {
	canPulse := false
	for i := range p.targets {
		canPulse = canPulse || p.targets[i].inForce.Pulses
	}
	for _, m := range p.members {
		m.note = reason{}
		if !m.ejection.out || m.Condition != Up {
			continue
		}
		window := m.now.seconds
		if window <= 0 {
			window = seconds
		}
		pulse, well := m.ejection.step(now, m.now.completed, m.now.failed, m.now.inFlight, window, canPulse)
		switch {
		case well:
			m.ejection = ejection{}
			m.failures = failures{}
		case pulse > 0:
			m.note = reason{cause: becausePulse, age: pulse}
		}
	}
}

// eject takes out what fails far above the rest, the worst first, and never
// more than the configured share of the pool.
func (p *Pool) eject(now time.Time) {
	var all failures
	up, out := 0, 0
	for _, m := range p.members {
		if m.Condition == Up {
			up++
		}
		if m.ejection.out {
			out++
		}
		if m.serving {
			all.quick.include(m.failures.quick)
			all.slow.include(m.failures.slow)
		}
	}
	allowed := max(1, int(p.config.Limits.MaxEjected*float64(up)))
	if p.config.Limits.MaxEjected < 0 || up < 2 {
		allowed = 0
	}
	for ; out < allowed; out++ {
		worst := p.worst(all)
		if worst == nil {
			break
		}
		all.quick = all.quick.without(worst.failures.quick)
		all.slow = all.slow.without(worst.failures.slow)
		worst.ejection.eject(now)
		worst.ejection.failed, worst.ejection.rest = worst.failures.share(), all.share()
		worst.serving = false
	}
	p.spare(all)
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

// share is the share of failures in the window that shows more of them.
func (f *failures) share() float64 { return max(f.quick.ratio(), f.slow.ratio()) }

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

// usable counts the members that can be counted on, and all.
func (p *Pool) usable(now time.Time) (usable, all int) {
	anyFresh := false
	for _, m := range p.members {
		anyFresh = anyFresh || p.fresh(m, now)
	}
	for _, m := range p.members {
		if m.Condition == Draining {
			continue
		}
		all++
		if m.serving && (!anyFresh || p.fresh(m, now)) {
			usable++
		}
	}
	return usable, all
}

func (p *Pool) fresh(m *member, now time.Time) bool {
	age := p.age(m, now)
	return age >= 0 && age <= p.config.Limits.StaleAfter
}

// age is the age of the newest report, negative without any.
func (p *Pool) age(m *member, now time.Time) time.Duration {
	if m.signals.newest.IsZero() {
		return -1
	}
	return max(now.Sub(m.signals.newest), 0)
}

// hold moves the published logarithms, relative to the configured capacities,
// towards what the law wants.
func (p *Pool) hold(now time.Time, weights []float64) {
	in := p.scratch.held[:0]
	var sum, count float64
	for i, m := range p.members {
		m.held.want = math.Log(weights[i] / m.capacity)
		if m.serving {
			sum += m.held.want
			count++
		}
	}
	center := 0.0
	if count > 0 {
		center = sum / count
	}
	usable, all := p.usable(now)
	panics := panicking(usable, all)
	of := p.scratch.heldOf[:0]
	for i, m := range p.members {
		trust := staleTrust(p.age(m, now), p.config.Limits.StaleAfter)
		if panics {
			trust = 0
		}
		want := (m.held.want - center) * trust
		if p.choice.law == p.static {
			// A configured share is exact: nothing is estimated in it.
			m.take(heldLog{want: want, held: want, known: true}, 0)
			continue
		}
		deviation := p.deviation(i)
		if trust < 1 {
			deviation = 0 // the way back to the configured share is not a guess
		}
		m.held.want, m.held.width = want, deadbandWidth(p.config.Limits.Deadband, deviation)
		if m.serving {
			in = append(in, m.held)
			of = append(of, i)
		}
	}
	p.scratch.held, p.scratch.heldOf = in, of
	p.deadband.move(in)
	for k, i := range of {
		p.members[i].take(in[k], p.deviation(i))
	}
	p.panics = panics
}

// visible is the least relative change of a weight that is worth a new sentence.
const visible = 0.01

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
		if first {
			m.weight = p.found(m)
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

// found is a member's share by the weights that were there before the first
// step, 0 when unknown.
func (p *Pool) found(m *member) float64 {
	share := p.shareInForce(m, p.traffic())
	if isNumber(share) {
		return share
	}
	return 0
}
