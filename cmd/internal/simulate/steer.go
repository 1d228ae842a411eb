package simulate

import "slices"

// pulse is of the member at that place of a pool.
type pulse struct {
	at          float64
	pool, place int
}

// steer takes the word of a pool's controller. What is out keeps its weight for
// later.
func (e *engine) steer(pool int, now float64, s Steering) {
	p := &e.pools[pool]
	e.pulses = slices.DeleteFunc(e.pulses, func(other pulse) bool { return other.pool == pool })
	for i := range p.asked {
		w := int32(min(max(s.Weights[i], 0), p.limit))
		if s.Pulses != nil && s.Pulses[i] > 0 {
			e.addPulse(pulse{now + s.Pulses[i].Seconds(), pool, i})
		} else if w != p.asked[i] && p.counted(now) && !p.conditions[i].Absent {
			p.result.Pushes++
		}
		p.asked[i] = w
	}
	p.weigh()
	e.shed(pool, now, s.Sheds)
}

func (e *engine) addPulse(p pulse) {
	e.pulses = append(e.pulses, p)
	for i := len(e.pulses) - 1; i > 0 && e.pulses[i].at < e.pulses[i-1].at; i-- {
		e.pulses[i], e.pulses[i-1] = e.pulses[i-1], e.pulses[i]
	}
}

// weigh puts the weights into force.
func (p *poolRun) weigh() {
	changed := false
	for i, w := range p.asked {
		if p.conditions[i].Out() {
			w = 0
		}
		changed = changed || p.weights[i] != w
		p.weights[i] = w
	}
	if !changed {
		return
	}
	for _, b := range p.proxies {
		b.weigh()
	}
}
