package simulate

func (e *engine) arrive(now float64, request int32) {
	r := &e.trace[request]
	b := e.proxies[r.proxy].pick()
	if b < 0 {
		e.refuse(now)
		return
	}
	e.count(now)
	if e.counted(now) {
		e.requests[b]++
	}
	e.counts.start(int(r.proxy), b)
	e.meter.start(b)
	e.proxies[r.proxy].changed(b)
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
	at, _ := e.begun(j)
	b := int(j.backend)
	e.meter.done(b, j.failing)
	if j.message {
		e.free = append(e.free, j.request)
	} else {
		proxy := int(e.trace[j.request].proxy)
		e.counts.end(proxy, b, now-at, j.failing)
		e.meter.leave(b)
		e.proxies[proxy].changed(b)
	}
	if j.failing {
		e.fail(at)
		return
	}
	if e.counted(at) {
		e.latencies = append(e.latencies, now-at)
	}
	e.series.answered(b, now-at)
}

// counted says whether what came then counts.
func (e *engine) counted(at float64) bool { return at >= e.warmup }

func (e *engine) count(at float64) {
	if e.counted(at) {
		e.result.Requests++
	}
}

func (e *engine) fail(at float64) {
	if e.counted(at) {
		e.result.Failed++
	}
}

// refuse is for what finds no backend.
func (e *engine) refuse(at float64) {
	e.count(at)
	e.fail(at)
	if e.counted(at) {
		e.result.Refused++
	}
}
