package scorer

// leastTilt is the part of its weight that a backend keeps which has more than its
// goal. Where the balancer does not place by what backends hold, most of those who are
// asked to reconnect would come back to the busy ones otherwise: of four backends that
// one has joined, more than half under random(2) or Envoy's least request with equal
// weights, three in four under round robin.
const (
	leastTilt = 0.05
	// mostTilted is the utilization of the receivers up to which they are given more
	// than their share of new work. Requests come to them, too.
	mostTilted = 0.7
)

// tilt sends those who are on their way to where they belong. What the pool remembers
// as a backend's weight stays what it is. It is to be called at every step: weights go
// back in steps, too.
func (p *Pool) tilt(plan *Plan) {
	on := p.tilts(plan)
	step := 1 + p.config.Limits.Step
	var before, after float64
	for i, m := range p.members {
		target := 1.0
		if on && m.pin == 0 {
			if goal := p.shedder.verdicts[i].goal; goal > 0 && p.holdings[i].held > goal {
				target = leastTilt
			}
		}
		was := 1 - m.tilted
		m.tilted = 1 - min(max(target, was/step), was*step)
		if m.serving && m.pin == 0 {
			before += m.weight
			after += m.weight * (1 - m.tilted)
		}
	}
	if before-after <= tie*before {
		return
	}
	limits := p.config.Limits
	for i, m := range p.members {
		if m.serving && m.pin == 0 {
			plan.Decisions[i].Weight = min(max(m.weight*(1-m.tilted)*before/after, limits.Floor), limits.Ceiling)
		}
	}
}

// tilts says whether weights have to do what the balancer does not.
func (p *Pool) tilts(plan *Plan) bool {
	s := &plan.Shedding
	if s.State != ShedActive && s.UnderWay == 0 || p.frozen() || p.panics || p.placesByCount() {
		return false
	}
	used, capacity := p.shedder.receiving(p.holdings)
	return used <= mostTilted*capacity
}

// placesByCount says whether new connections go where there are fewest for the weight.
func (p *Pool) placesByCount() bool {
	for t := range p.targets {
		switch p.targets[t].inForce.Algorithm {
		case LeastConnections, AlgorithmUnknown:
		default:
			return false
		}
	}
	return true
}
