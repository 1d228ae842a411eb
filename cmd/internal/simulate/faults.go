package simulate

// happen carries out what a change of a backend's condition does at once.
func (e *engine) happen(now float64, backend int, before, after *Condition) {
	if after.Killed && !before.Killed {
		e.kill(now, backend)
	}
}

// hang keeps a job until its client gives up.
func (e *engine) hang(now float64, j job) {
	at, _ := e.begun(j)
	j.failing = true
	j.at = max(now, at+e.scenario.timeout())
	e.waiting.push(j)
}

// kill fails all that a backend has.
func (e *engine) kill(now float64, backend int) {
	lost := e.backends[backend].abandon(now)
	var others jobs
	for _, j := range e.waiting {
		if int(j.backend) == backend {
			lost = append(lost, j)
		} else {
			others.push(j)
		}
	}
	e.waiting = others
	for _, j := range lost {
		j.failing = true
		e.leave(now, j)
	}
	e.breakOff(now, backend)
}
