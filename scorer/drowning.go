package scorer

import "math"

// drowning keeps ejections from doing more harm than they mend: what one backend
// fails a part of, the others may drown in.
//
//	stay = Σ in flight / Σ completed      s, 5 s, over who serves and hardly fails
//	full = Σ C_i·u_i / Σ C_i of the rest  by load reports; who makes none is as full as
//	                                      the others
//
// A backend that fails less than half of its work is not ejected if the rest would
// be more than 0.9 full, and is taken back, without slow start, as soon as requests
// stay twice as long at the others as before. It then keeps its share until it
// fails less than half of what ejects. One that fails most of its work is no help: it is probed at once,
// whatever its delay.
//
// Simulated, p99 over that of the known capacities, and errors, without this and with
// it, nothing reported (the known capacities keep who fails):
//
//	8 of 17 cores at 61 %, 30 % fail, random(2)       582   0.2 %   3.3   7.8 %
//	4 of 12 cores at 80 %, 30 % fail, least request    51   2.7 %   1.2   4.1 %
//	1 of 2 cores at 72 %, 30 % fail, random(2)         84   0.4 %   1.3   4.2 %
//	4 of 20 cores at 55 %, 40 % fail, leastconn      1.04   0.1 %  1.04   0.1 %
type drowning struct{ stay pace }

// watchStay follows how long requests stay.
func (p *Pool) watchStay(seconds float64) {
	var inFlight, completed float64
	for _, m := range p.members {
		if m.serving && isNumber(m.now.inFlight) && isNumber(m.now.completed) && m.failures.share() <= p.constants.EjectAbove {
			inFlight += m.now.inFlight
			completed += m.now.completed
		}
	}
	if inFlight > 0 || completed > 0 {
		p.drowning.stay.add(inFlight, completed, seconds)
	}
}

// seconds is how long requests stay, NaN while nothing is known.
func (d *drowning) seconds() float64 { return d.stay.top.value / d.stay.bottom.value }

// reprieve gives a member that is ejected another chance if the others drown, and
// says whether it is to serve again at once.
func (p *Pool) reprieve(m *member) bool {
	e := m.ejection
	if !(e.stay > 0) || !(p.drowning.seconds() > p.constants.DrownTimes*e.stay) {
		return false
	}
	if e.failed < p.constants.MostFails {
		m.ejection, m.needed = nil, true
		return true
	}
	if e.pulsed.IsZero() && e.next.After(p.last) {
		e.next = p.last
	}
	return false
}

// needs says whether a member that fails a part of its work has to go on all the
// same.
func (p *Pool) needs(m *member) bool {
	return m.failures.share() < p.constants.MostFails && (m.needed || p.fullWithout(m) > p.constants.MostFull)
}

// fullWithout is how full the rest would be without a member; NaN where nobody
// reports how full it is.
func (p *Pool) fullWithout(one *member) float64 {
	var load, known, strength float64
	for _, m := range p.members {
		if !m.serving {
			continue
		}
		c := p.strengthOf(m)
		strength += c
		if u := m.now.utilization; m.fresh && u > p.constants.LeastUtilization && u <= p.constants.MostUtilization {
			load += c * u
			known += c
		}
	}
	rest := strength - p.strengthOf(one)
	if known == 0 || !(rest > 0) {
		return math.NaN()
	}
	return load / known * strength / rest
}
