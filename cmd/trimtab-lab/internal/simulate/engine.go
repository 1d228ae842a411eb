package simulate

import (
	"math"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
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

	// asked is the controller's word, weights what the proxies have: the same
	// but for backends that are down.
	asked   []int32
	weights []int32
	// pulses are the instants at which a weight becomes 0.
	pulses []pulse

	proxies []balancer
	counts  counts
	meter   meter

	latencies []float64
	result    Result
	requests  []int
}

// Run judges one controller by one trace.
func Run(s *Scenario, a scorer.Algorithm, seed uint64, c Controller) (Result, error) {
	if err := s.check(); err != nil {
		return Result{}, err
	}
	return run(s, a, seed, c, newTrace(s, seed))
}

func run(s *Scenario, a scorer.Algorithm, seed uint64, c Controller, trace []request) (Result, error) {
	e, err := newEngine(s, a, seed, c, trace)
	if err != nil {
		return Result{}, err
	}
	e.run()
	return e.finish(), nil
}

func newEngine(s *Scenario, a scorer.Algorithm, seed uint64, c Controller, trace []request) (*engine, error) {
	n := len(s.Backends)
	e := &engine{
		scenario: s, controller: c, trace: trace, warmup: s.Warmup.Seconds(),
		backends: make([]queue, n), finishing: newTournament(n),
		conditions: make([]Condition, n),
		asked:      make([]int32, n), weights: make([]int32, n),
		counts:    newCounts(s.Proxies, n),
		meter:     newMeter(s, seed),
		latencies: make([]float64, 0, len(trace)),
		requests:  make([]int, n),
	}
	for p := range s.Proxies {
		b, err := newBalancer(a, view{
			weights: e.weights, inFlight: e.counts.proxy(p).inFlight,
			random: stream(seed, streamPicks+uint64(p)),
		})
		if err != nil {
			return nil, err
		}
		e.proxies = append(e.proxies, b)
	}
	e.steer(0, c.Start())
	e.result.Pushes = 0 // what is found is no change
	return e, nil
}

// run goes from instant to instant until nothing more will happen.
func (e *engine) run() {
	arriving, tick := 0, 0
	ticks := int(e.scenario.Duration / Tick)
	for {
		backend, now := e.finishing.first()
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
		if math.IsInf(now, 1) {
			return
		}
		e.result.Events++
		switch what {
		case arrival:
			e.arrive(now, int32(arriving))
			arriving++
		case completion:
			e.complete(now, backend)
		case waited:
			j := e.waiting.pop()
			e.leave(now, j)
		case pulsed:
			e.asked[e.pulses[0].backend] = 0
			e.pulses = e.pulses[1:]
			e.weigh()
		case ticked:
			e.tick(tick)
			tick++
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
)

func (e *engine) tick(tick int) {
	at := time.Duration(tick) * Tick
	now := at.Seconds()
	for i := range e.backends {
		q := &e.backends[i]
		q.advance(now)
		e.conditions[i] = e.scenario.condition(i, at)
		b, c := &e.scenario.Backends[i], &e.conditions[i]
		q.cores, q.speed = max(b.Cores-c.Taken, 0), b.Speed*c.Speed
		q.share()
		e.finishing.set(i, q.next())
	}
	e.weigh()
	if tick == 0 {
		return
	}
	second := tick%ticksPerStep == 0
	e.meter.read(e.backends, e.conditions, second)
	e.counts.sample(at, e.conditions, e.meter.arrived, e.controller)
	if second {
		if at < e.scenario.Duration {
			e.steer(now, e.controller.Step(at, e.counts.step(e.conditions, e.meter.arrived)))
		}
		e.meter.clear()
	}
}
