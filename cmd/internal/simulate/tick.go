package simulate

import "time"

func (e *engine) tick(tick int) {
	at := time.Duration(tick) * Tick
	now := at.Seconds()
	for i := range e.backends {
		q := &e.backends[i]
		q.advance(now)
		before := e.conditions[i]
		e.conditions[i] = e.scenario.Condition(i, at)
		b, c := &e.scenario.Backends[i], &e.conditions[i]
		e.happen(now, i, &before, c)
		q.cores, q.speed = max(b.Cores*c.Cores-c.Taken, 0), b.Speed*c.Speed
		q.share()
		e.finishing.set(i, q.next())
	}
	for i := range e.pools {
		p := &e.pools[i]
		p.see(e.conditions)
		p.weigh()
		p.watch.notice(at, p.conditions)
	}
	if tick == 0 {
		return
	}
	e.meter.read(e.backends, e.conditions)
	e.gauge.tick(e.conditions)
	for i := range e.pools {
		p := &e.pools[i]
		p.counts.sample(at, p.conditions, p.told(e.meter.arrived), p.controller)
	}
	if tick%ticksPerStep == 0 {
		e.second(at)
	}
}

func (e *engine) second(at time.Duration) {
	e.gauge.second(e.backends, e.conditions)
	e.spread(at)
	for i := range e.pools {
		p := &e.pools[i]
		samples := p.counts.step(p.conditions, p.told(e.meter.arrived))
		for k := range samples {
			samples[k].Closed, p.closed[k] = p.closed[k], 0
		}
		e.series.second(p, samples, e.gauge.utilization)
		if at < e.scenario.Duration {
			steering := p.controller.Step(at, samples)
			p.watch.steered(at, p.conditions, &steering)
			e.steer(i, at.Seconds(), steering)
		}
	}
	e.meter.clear()
}

// spread notes how evenly the work of the last second was spread, in each pool and
// over all of them.
func (e *engine) spread(at time.Duration) {
	counted := at > e.scenario.Warmup
	for i := range e.pools {
		p := &e.pools[i]
		of := func(place int) (utilization, inFlight float64) {
			return e.gauge.utilization[p.members[place]], p.counts.inFlight(place)
		}
		p.holding.Second(at, p.conditions, of)
		if counted {
			p.balance.Second(p.conditions, of)
		}
	}
	if len(e.pools) > 1 {
		of := func(backend int) (utilization, inFlight float64) {
			return e.gauge.utilization[backend], e.inFlight(backend)
		}
		e.holding.Second(at, e.conditions, of)
		if counted {
			e.balance.Second(e.conditions, of)
		}
	}
}

// inFlight is what all pools have on a backend.
func (e *engine) inFlight(backend int) float64 {
	sum := 0.0
	for i := range e.pools {
		if place := e.pools[i].places[backend]; place >= 0 {
			sum += e.pools[i].counts.inFlight(int(place))
		}
	}
	return sum
}
