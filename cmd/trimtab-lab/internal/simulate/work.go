package simulate

func (e *engine) arrive(now float64, request int32) {
	r := &e.trace[request]
	counted := r.at >= e.warmup
	if counted {
		e.result.Requests++
	}
	b := e.proxies[r.proxy].pick()
	if b < 0 {
		if counted {
			e.result.Failed++
		}
		return
	}
	if counted {
		e.requests[b]++
	}
	e.counts.start(int(r.proxy), b)
	e.proxies[r.proxy].changed(b)
	j := job{request: request, backend: int16(b), failing: e.conditions[b].Failing}
	work := r.work
	if j.failing {
		work *= failCost
	}
	q := &e.backends[b]
	q.advance(now)
	q.add(j, work)
	e.finishing.set(b, q.next())
}

func (e *engine) complete(now float64, backend int) {
	q := &e.backends[backend]
	j := q.finish(now)
	e.finishing.set(backend, q.next())
	away := e.scenario.Backends[backend].Distance.Seconds()
	if !j.failing {
		away += e.trace[j.request].wait * e.conditions[backend].Wait
	}
	if away > 0 {
		j.at = now + away
		e.waiting.push(j)
		return
	}
	e.leave(now, j)
}

func (e *engine) leave(now float64, j job) {
	r := &e.trace[j.request]
	e.counts.end(int(r.proxy), int(j.backend), now-r.at, j.failing)
	e.proxies[r.proxy].changed(int(j.backend))
	switch {
	case r.at < e.warmup:
	case j.failing:
		e.result.Failed++
	default:
		e.latencies = append(e.latencies, now-r.at)
	}
}
