package simulate

func (e *engine) arrive(now float64, request int32) {
	r := &e.trace[request]
	p := &e.pools[r.pool]
	place := p.proxies[r.proxy].pick()
	if place < 0 {
		p.refuse(now)
		return
	}
	if p.counted(now) {
		p.result.Requests++
		p.requests[place]++
	}
	b := p.members[place]
	p.counts.start(int(r.proxy), place)
	e.meter.start(int(b))
	p.proxies[r.proxy].changed(place)
	e.work(now, job{request: request, backend: int16(b)}, r.work)
}

// work puts a job on its backend.
func (e *engine) work(now float64, j job, work float64) {
	b := int(j.backend)
	if e.conditions[b].Hanging {
		e.hang(now, j)
		return
	}
	if j.failing = e.fails(b); j.failing {
		work *= failCost
	}
	q := &e.backends[b]
	q.advance(now)
	q.add(j, work)
	e.finishing.set(b, q.next())
}

// fails says whether work that comes to a backend now will fail.
func (e *engine) fails(backend int) bool {
	switch share := e.conditions[backend].Errors; {
	case share <= 0:
		return false
	case share >= 1:
		return true
	default:
		return e.faults.Float64() < share
	}
}

func (e *engine) complete(now float64, backend int) {
	q := &e.backends[backend]
	j := q.finish(now)
	e.finishing.set(backend, q.next())
	c := &e.conditions[backend]
	away := (e.scenario.Backends[backend].Distance + c.Distance).Seconds()
	if !j.failing {
		_, wait := e.begun(j)
		away += wait * c.Wait
	}
	if away > 0 {
		j.at = now + away
		e.waiting.push(j)
		return
	}
	e.leave(now, j)
}

// begun is when a job came, and its wait.
func (e *engine) begun(j job) (at, wait float64) {
	if j.message {
		m := &e.messages[j.request]
		return m.at, m.wait
	}
	r := &e.trace[j.request]
	return r.at, r.wait
}

func (e *engine) leave(now float64, j job) {
	b := int(j.backend)
	e.meter.done(b, j.failing)
	var p *poolRun
	var at float64
	if j.message {
		m := &e.messages[j.request]
		p, at = &e.pools[m.pool], m.at
		e.free = append(e.free, j.request)
	} else {
		r := &e.trace[j.request]
		p, at = &e.pools[r.pool], r.at
		place := int(p.places[b])
		p.counts.end(int(r.proxy), place, now-at, j.failing)
		e.meter.leave(b)
		p.proxies[r.proxy].changed(place)
	}
	if j.failing {
		p.fail(at)
		return
	}
	if p.counted(at) {
		p.latencies = append(p.latencies, now-at)
	}
	if e.series != nil {
		e.series.answered(p.first+int(p.places[b]), now-at)
	}
}
