package simulate

import (
	"math"
	"math/rand/v2"
)

// engine is one run.
type engine struct {
	scenario   *Scenario
	controller Controller
	trace      []request
	warmup     float64

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

	// asked is the controller's word, weights what the proxies have: the same
	// but for backends that are out.
	asked   []int32
	weights []int32
	// pulses are the instants at which a weight becomes 0.
	pulses []pulse

	limit   int
	proxies []balancer
	counts  counts
	meter   meter
	gauge   gauge
	watch   watch
	series  *Series

	latencies []float64
	result    Result
	requests  []int
}

func newEngine(r *run) (*engine, error) {
	if err := r.proxy.check(); err != nil {
		return nil, err
	}
	s, proxy := r.scenario, r.proxy.withDefaults()
	n := len(s.Backends)
	e := &engine{
		scenario: s, controller: r.controller, trace: r.trace, warmup: s.Warmup.Seconds(),
		backends: make([]queue, n), finishing: newTournament(n),
		conditions: make([]Condition, n), faults: stream(r.seed, streamFaults),
		clients: newClients(s, r.seed),
		asked:   make([]int32, n), weights: make([]int32, n), limit: proxy.largestWeight(),
		counts:    newCounts(s.Proxies, n, proxy.Kind == KindEnvoy),
		meter:     newMeter(s, r.seed),
		gauge:     newGauge(s),
		watch:     newWatch(s),
		latencies: make([]float64, 0, len(r.trace)),
		requests:  make([]int, n),
	}
	e.due = newTournament(max(len(e.clients), 1))
	for i := range e.clients {
		e.due.set(i, e.clients[i].next())
	}
	if r.record {
		e.series = newSeries(s)
	}
	for p := range s.Proxies {
		e.proxies = append(e.proxies, newBalancer(proxy, view{
			weights: e.weights, inFlight: e.counts.proxy(p).inFlight,
			random: stream(r.seed, streamPicks+uint64(p)),
		}))
	}
	e.steer(0, e.controller.Start())
	e.result.Pushes = 0 // what is found is no change
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
		if arriving < len(e.trace) && e.trace[arriving].at < now {
			what, now = arrival, e.trace[arriving].at
		}
		if i, at := e.due.first(); at < now && at < end {
			what, now, index = acted, at, i
		}
		if math.IsInf(now, 1) {
			return
		}
		e.result.Events++
		switch what {
		case arrival:
			e.arrive(now, int32(arriving))
			arriving++
		case completion:
			e.complete(now, index)
		case waited:
			e.leave(now, e.waiting.pop())
		case pulsed:
			e.asked[e.pulses[0].backend] = 0
			e.pulses = e.pulses[1:]
			e.weigh()
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
)
