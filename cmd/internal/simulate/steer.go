package simulate

type pulse struct {
	at      float64
	backend int
}

// steer takes a controller's word. What is out keeps its weight for later.
func (e *engine) steer(now float64, s Steering) {
	e.pulses = e.pulses[:0]
	for i := range e.asked {
		w := int32(min(max(s.Weights[i], 0), e.limit))
		if s.Pulses != nil && s.Pulses[i] > 0 {
			e.addPulse(pulse{now + s.Pulses[i].Seconds(), i})
		} else if w != e.asked[i] && e.counted(now) && !e.conditions[i].Absent {
			e.result.Pushes++
		}
		e.asked[i] = w
	}
	e.weigh()
}

func (e *engine) addPulse(p pulse) {
	e.pulses = append(e.pulses, p)
	for i := len(e.pulses) - 1; i > 0 && e.pulses[i].at < e.pulses[i-1].at; i-- {
		e.pulses[i], e.pulses[i-1] = e.pulses[i-1], e.pulses[i]
	}
}

// weigh puts the weights into force.
func (e *engine) weigh() {
	changed := false
	for i, w := range e.asked {
		if e.conditions[i].out() {
			w = 0
		}
		changed = changed || e.weights[i] != w
		e.weights[i] = w
	}
	if !changed {
		return
	}
	for _, p := range e.proxies {
		p.weigh()
	}
}
