package simulate

import "time"

func (e *engine) tick(tick int) {
	at := time.Duration(tick) * Tick
	now := at.Seconds()
	for i := range e.backends {
		q := &e.backends[i]
		q.advance(now)
		before := e.conditions[i]
		e.conditions[i] = e.scenario.condition(i, at)
		b, c := &e.scenario.Backends[i], &e.conditions[i]
		e.happen(now, i, &before, c)
		q.cores, q.speed = max(b.Cores*c.Cores-c.Taken, 0), b.Speed*c.Speed
		q.share()
		e.finishing.set(i, q.next())
	}
	e.weigh()
	e.watch.notice(at, e.conditions)
	if tick == 0 {
		return
	}
	e.meter.read(e.backends, e.conditions)
	e.gauge.tick(e.conditions)
	e.counts.sample(at, e.conditions, e.meter.arrived, e.controller)
	if tick%ticksPerStep == 0 {
		e.second(at)
	}
}

func (e *engine) second(at time.Duration) {
	e.gauge.second(e.backends, e.conditions, &e.counts, at > e.scenario.Warmup)
	samples := e.counts.step(e.conditions, e.meter.arrived)
	e.series.second(samples, e.gauge.utilization, e.weights)
	if at < e.scenario.Duration {
		steering := e.controller.Step(at, samples)
		e.watch.steered(at, e.conditions, &steering)
		e.steer(at.Seconds(), steering)
	}
	e.meter.clear()
}
