package simulate

import (
	"math"
	"math/rand/v2"
)

// engine is one run.
type engine struct {
	scenario *Scenario
	trace    []request

	pools []poolRun
	// pulses are the instants at which a weight becomes 0.
	pulses []pulse
	// sheds are the connections that are to be closed.
	sheds    []shed
	shedding *rand.Rand

	backends  []queue
	finishing tournament // of backends' next completions
	// waiting holds the jobs whose work is done and whose wait is not.
	waiting    jobs
	conditions []Condition
	faults     *rand.Rand

	clients []client
	due     tournament // of clients' next acts
	// messages are those under way; free are the places among them that are not
	// used.
	messages []message
	free     []int32

	meter meter
	gauge gauge
	// balance is that of all pools together, where there are several.
	balance Balance
	holding *Holding
	series  *Series
	events  int
}

func newEngine(r *run) (*engine, error) {
	s, n := r.scenario, len(r.scenario.Backends)
	e := &engine{
		scenario: s, trace: r.trace,
		backends: make([]queue, n), finishing: newTournament(n),
		conditions: make([]Condition, n), faults: stream(r.seed, streamFaults),
		shedding: stream(r.seed, streamSheds),
		clients:  newClients(s, r.seed),
		meter:    newMeter(s, r.seed),
		gauge:    newGauge(s),
		holding:  NewHolding(s),
	}
	e.due = newTournament(max(len(e.clients), 1))
	for i := range e.clients {
		e.due.set(i, e.clients[i].next())
	}
	pools := s.pools()
	expected := make([]int, len(pools))
	for i := range r.trace {
		expected[r.trace[i].pool]++
	}
	proxies, members := 0, 0
	for i := range pools {
		if err := r.by[i].proxy.check(); err != nil {
			return nil, err
		}
		by := steered{r.by[i].proxy.withDefaults(), r.by[i].controller}
		e.pools = append(e.pools, newPoolRun(s, &pools[i], by, r.seed, proxies, expected[i]))
		e.pools[i].first, e.pools[i].holding.sockets = members, s.socketsOf(i)
		proxies += pools[i].Proxies
		members += len(pools[i].Members)
	}
	if r.record {
		e.series = newSeries(s, pools)
	}
	for i := range e.pools {
		e.steer(i, 0, e.pools[i].controller.Start())
		e.pools[i].result.Pushes = 0 // what is found is no change
	}
	return e, nil
}

// run goes from instant to instant until nothing more will happen.
func (e *engine) run() {
	arriving, tick := 0, 0
	ticks := int(e.scenario.Duration / Tick)
	end := e.scenario.Duration.Seconds()
	for {
		index, now := e.finishing.first()
		what := completion
		if len(e.waiting) > 0 && e.waiting[0].at < now {
			what, now = waited, e.waiting[0].at
		}
		if tick <= ticks {
			if at := float64(tick) * Tick.Seconds(); at <= now {
				what, now = ticked, at
			}
		}
		if len(e.pulses) > 0 && e.pulses[0].at < now {
			what, now = pulsed, e.pulses[0].at
		}
		if len(e.sheds) > 0 && e.sheds[0].at < now {
			what, now = shedded, e.sheds[0].at
		}
		if arriving < len(e.trace) && e.trace[arriving].at < now {
			what, now = arrival, e.trace[arriving].at
		}
		if i, at := e.due.first(); at < now && at < end {
			what, now, index = acted, at, i
		}
		if math.IsInf(now, 1) {
			return
		}
		e.events++
		switch what {
		case arrival:
			e.arrive(now, int32(arriving))
			arriving++
		case completion:
			e.complete(now, index)
		case waited:
			e.leave(now, e.waiting.pop())
		case pulsed:
			p := &e.pools[e.pulses[0].pool]
			p.asked[e.pulses[0].place] = 0
			e.pulses = e.pulses[1:]
			p.weigh()
		case shedded:
			e.close(now)
		case ticked:
			e.tick(tick)
			tick++
		case acted:
			e.act(now, index)
		}
	}
}

type event uint8

const (
	arrival event = iota
	completion
	waited
	pulsed
	ticked
	acted
	shedded
)
