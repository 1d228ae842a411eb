package scorer

import (
	"math"
	"time"
)

// capacity learns how strong every backend is, from what every proxy counts and,
// where there are any, from load reports. It is the default law.
//
// # From latency
//
// By Little's law a backend that holds C requests at the pool's pace T completes
// C/T a second. What it completes more or less than that is a surprise, and a
// scalar Kalman filter for each backend turns surprises into x, its log capacity
// relative to the configured one. Each step, for each backend:
//
//	T        = Σ C / Σ q                     s, 30 s means over the pool
//	expected = C/T · e^(leak·x)              requests/s; see leakFor
//	z        = (q − expected)/n + p − x      q cut to expected/3 … expected·3
//	k        = v / (v + F/(n·dt))            the gain
//	x        ← x + k·z;  v ← v·(1 − k)       then the mean of x over the pool is 0
//
// q is completions without error per second, C the mean of in-flight sampled
// about five times a second, n the larger of (q+expected)/2 now and its 10 s
// mean, p the log of the share in force. F is how noisy completions are around
// what is expected ([noise]); v grows by a little each second, and by more as soon
// as x is found to lag behind ([lag]), and x is pulled back as [newFilter] says. So
// means are long while nothing happens and short when something does, and the
// reason for a weight says when that was. p − x matters: the filter estimates a
// capacity under the weight that is really there, so it does not wind up while a
// weight does not follow (deadband, rounding, a person's hand). A backend with
// hardly anything in flight shows only its own pace; that counts less (discount).
//
// # From reports
//
// The same filter again with expected = e^y·C·u·Σq/Σ(e^y·C·u), u the reported
// utilization. The two can only be compared in ratios, so the median of y − x is
// taken off. A report is believed unless it claims over 0.4 more than latency shows
// and than is configured, or 0.1 less than latency shows (and as much as latency may
// be off): an overstated capacity shows in latency, an understated one hardly does.
// Believed, y is published, else x. A pool may mix the two. Under round robin nothing
// keeps latency steady, and where connections are held beside the requests it shows
// those ([heldCost]): y alone is used.
//
// # Measured
//
// Simulated, p99 over that of the known capacities under the same algorithm,
// median of five seeds that played no part in any choice (worst seed). 8, 8, 4, 4 and
// 2 cores or five of 4, requests of 20 ms, 70 % load unless the name says
// otherwise; K proxies that do not know of each other.
//
//	               leastconn                          random(2)
//	               equal  counts       + reports      equal  counts       + reports
//	uniform        1.00  1.00 (1.00)  1.00 (1.00)   1.00  1.00 (1.01)  1.00 (1.00)
//	hetero         1.47  1.00 (1.01)  1.00 (1.00)   1.83  1.05 (1.06)  1.00 (1.00)
//	hetero-K4      1.61  1.01 (1.01)  1.00 (1.01)   2.50  1.04 (1.05)  1.01 (1.01)
//	hetero-K16     1.15  1.01 (1.01)  1.00 (1.01)   4.15  0.99 (0.99)  1.01 (1.01)
//	two-hetero     1.85  1.00 (1.01)  1.00 (1.01)   2.83  1.03 (1.07)  1.01 (1.04)
//	slow-node      1.17  1.01 (1.01)  1.00 (1.01)   1.40  1.05 (1.07)  1.01 (1.01)
//	slow-light     1.00  1.00 (1.01)  1.00 (1.00)   1.11  0.96 (0.97)  1.00 (1.00)
//	far            1.00  1.01 (1.01)  1.01 (1.02)   1.00  1.06 (1.07)  1.05 (1.05)
//	far-light      1.00  1.00 (1.00)  1.00 (1.00)   1.00  0.95 (0.95)  0.95 (0.96)
//	neighbour      1.17  1.00 (1.01)  1.00 (1.00)   1.38  1.01 (1.03)  1.00 (1.01)
//	antagonist     1.00  0.92 (0.93)  0.87 (0.88)   1.00  0.80 (0.83)  0.80 (0.81)
//	step           1.09  1.00 (1.01)  1.00 (1.00)   1.20  0.97 (0.99)  0.97 (0.97)
//	oscillate      1.07  1.01 (1.02)  1.00 (1.02)   1.14  1.03 (1.04)  1.01 (1.02)
//	diurnal        1.67  1.00 (1.01)  1.00 (1.00)   2.81  1.03 (1.04)  1.01 (1.01)
//	slow-diurnal   1.12  1.01 (1.02)  1.01 (1.03)   1.31  1.03 (1.04)  1.00 (1.01)
//	cliff          1.91  1.02 (1.02)  1.00 (1.01)   3.28  1.06 (1.06)  1.02 (1.03)
//	far-cliff      1.00  1.88 (2.12)  1.74 (1.79)   1.00  1.41 (1.43)  1.38 (1.44)
//	overload       1.08  1.02 (1.02)  1.00 (1.01)   1.13  1.02 (1.05)  1.00 (1.01)
//	mixshift       1.49  1.03 (1.04)  1.00 (1.02)   2.17  1.09 (1.12)  1.03 (1.04)
//	video          1.09  1.02 (1.04)  1.00 (1.01)   1.14  1.05 (1.06)  1.01 (1.01)
//	low-traffic    1.23  1.03 (1.08)  1.01 (1.02)   1.39  1.06 (1.09)  1.02 (1.02)
//	hundred-K16    1.00  1.01 (1.02)  1.01 (1.03)   1.97  0.96 (0.97)  1.01 (1.01)
//	fail-fast      0.92  1.00 (1.00)  1.00 (1.00)   0.86  1.00 (1.00)  1.00 (1.00)
//	fail-fast-30s  1.00  1.06 (1.06)  1.05 (1.06)   1.00  1.10 (1.11)  1.09 (1.09)
//	boot60         1.60  1.03 (1.04)  1.01 (1.03)   2.48  1.12 (1.16)  1.07 (1.09)
//
// # Limits
//
// Latency is a witness only where backends do the same work. A backend that is
// far rather than weak loses weight in quiet times and is short of it for some
// seconds when the load jumps (far-cliff, 10 to 85 %, where equal weights are
// right). While a backend is ejected the others carry its work, so that
// fail-fast-30s cannot be 1.00; equal weights pay for theirs with 16 % errors.
// How long connections stay is no witness at all ([Pool] does not ask this law
// then).
type capacity struct {
	constants *Constants

	leak    float64
	witness witness
	// trusts is that reports are taken at their word where nothing keeps latency
	// steady.
	trusts bool
	// holds is that requests share the pool with connections that are held.
	holds bool
	held  heldCost

	pace    pace
	states  []capacityState
	names   []string // of the states
	index   map[string]int
	latency noise
	reports noise
	demand  pace
	last    time.Time
	spread  bool
	weights []float64
	// logs are the logarithms of the weights over the configured capacities,
	// deviations the estimates' standard deviations: both for the pool, which
	// holds logarithms and need not take them again.
	logs, deviations []float64
	leads            []float64 // logs of the shares in force
	offsets          []float64
	queues           queues
	haveSteps        bool
	// memory is what a predecessor had learned, taken over when recalled says; the
	// pool forgets it, as it does its own, once all have had time to join.
	memory   map[string]Remembered
	recalled time.Time
	lastZero float64
}

// witness says what the law may learn from.
type witness uint8

const (
	// byBoth learns from latency, and from reports while the two agree.
	byBoth witness = iota
	// byReports learns from reports alone: what is in flight is held or waits.
	byReports
	// byQueues learns from reports, and from how requests queue: the proxy has no
	// feedback of its own, so that latency shows queues.
	byQueues
)

type capacityState struct {
	held    average // in flight
	latency filter
	changes changes      // of latency
	report  *reportState // nil until it has reported
	queue   queue
}

func newCapacity(k *Constants) *capacity {
	return &capacity{
		constants: k, leak: k.Leak, index: map[string]int{},
		pace: newPace(k.PaceMemory), demand: newPace(k.DemandMemory),
		latency: newNoise(k), reports: newNoise(k), held: newHeldCost(k),
	}
}

// pace is a ratio of two sums over the pool, both remembered equally long.
type pace struct{ top, bottom average }

func newPace(seconds float64) pace { return pace{newAverage(seconds), newAverage(seconds)} }

func (p *pace) add(top, bottom, seconds float64) float64 {
	return p.top.add(top, seconds) / p.bottom.add(bottom, seconds)
}

// Weights implements Law.
func (c *capacity) Weights(now time.Time, in []Observation) []float64 {
	seconds := 1.0
	if c.haveSteps {
		seconds = min(max(now.Sub(c.last).Seconds(), 0), 10)
	}
	c.haveSteps, c.last = true, now
	c.align(in)
	c.latency.begin(len(in))
	c.reports.begin(len(in))
	center := c.logShares(in)
	if c.witness == byBoth {
		c.learnFromLatency(now, in, center, seconds)
	}
	if c.witness == byQueues {
		c.watchQueues(in, seconds)
	}
	c.learnFromReports(now, in, seconds)
	c.publish(now, in)
	return c.weights
}

// align brings the states into the order of the observations.
func (c *capacity) align(in []Observation) {
	same := len(c.names) == len(in)
	for i := 0; same && i < len(in); i++ {
		same = c.names[i] == in[i].Backend
	}
	if same {
		return
	}
	k := c.constants
	states := make([]capacityState, len(in))
	c.leads = make([]float64, len(in))
	center := c.logShares(in)
	for i := range in {
		if at, ok := c.index[in[i].Backend]; ok {
			states[i] = c.states[at]
			continue
		}
		// What is in force already, left by an earlier run or by a person, is
		// the best first guess.
		x := 0.0
		if lead := c.leads[i] - center; isNumber(lead) && !c.known() {
			x = min(max(lead, -maxLog), maxLog)
		}
		states[i] = capacityState{
			held:    newAverage(k.QuietMemory),
			queue:   queue{stay: newPace(k.QueueMemory)},
			latency: newFilter(x, k.LatencyDrift, k.CapacitySpread, k.LatencyReopen, k),
		}
		if r, ok := c.memory[in[i].Backend]; ok {
			states[i].recall(&r, c.recalled, k)
		}
	}
	clear(c.index)
	c.names = c.names[:0]
	for i := range in {
		c.index[in[i].Backend] = i
		c.names = append(c.names, in[i].Backend)
	}
	c.states = states
	c.weights = make([]float64, len(in))
	c.logs = make([]float64, len(in))
	c.deviations = make([]float64, len(in))
	c.offsets = make([]float64, 0, len(in))
}

// state is a backend's, nil for one that no step has seen. Members may have changed
// since the last step, so that their order is no index.
func (c *capacity) state(backend string) *capacityState {
	if at, ok := c.index[backend]; ok {
		return &c.states[at]
	}
	return nil
}

func (c *capacity) known() bool { return len(c.states) > 0 }

// logShares fills leads with the logs of the shares in force over the configured
// capacities and returns their mean over the backends in service.
func (c *capacity) logShares(in []Observation) float64 {
	var sum, count float64
	for i := range in {
		l := math.Log(in[i].Share / in[i].Capacity)
		c.leads[i] = l
		if in[i].InService && isNumber(l) {
			sum += l
			count++
		}
	}
	return sum / max(count, 1)
}

// usable says whether a backend's counts say anything of its speed.
func usable(o *Observation) bool {
	return o.InService && o.Seconds > 0 && isNumber(o.InFlight) && isNumber(o.Completed) &&
		o.Failed <= o.Completed
}

func (c *capacity) learnFromLatency(now time.Time, in []Observation, center, seconds float64) {
	var inFlight, completed float64
	for i := range in {
		if usable(&in[i]) {
			inFlight += in[i].InFlight
			completed += in[i].Completed
		}
	}
	t := c.pace.add(inFlight, completed, seconds)
	if !(t > 0) || math.IsInf(t, 0) {
		return
	}
	var sum, count float64
	for i := range in {
		s := &c.states[i]
		if usable(&in[i]) && in[i].Settled {
			lead := c.leads[i] - center - s.latency.x
			if !isNumber(lead) {
				lead = 0 // nothing is known of what is in force: the plan is
			}
			expected := in[i].InFlight / t
			if c.leak > 0 {
				expected *= math.Exp(c.leak * s.latency.x)
			}
			done := s.discount(in[i].Completed, expected, &in[i], c.constants.Quiet)
			s.latency.update(done, expected, lead, in[i].Seconds, &c.latency)
		} else {
			s.latency.forget(seconds, c.constants.firstVariance())
		}
		if in[i].InService {
			sum += s.latency.x
			count++
		}
	}
	// Only ratios are known. Centring over those out of service too would let an
	// ejected backend's estimate drift away.
	mean := sum / max(count, 1)
	for i := range c.states {
		s := &c.states[i]
		s.latency.x = min(max(s.latency.x-mean, -maxLog), maxLog)
		s.changes.note(now, &s.latency)
	}
}

// discount returns what the backend is taken to have done. A backend with hardly
// anything in flight has no queue: what it is slow or quick by is its own pace (a
// slow core, a distant zone), and moving work would go on for ever, as that
// changes nothing. Such surprises count less the quieter the backend is.
func (s *capacityState) discount(done, expected float64, o *Observation, quiet float64) float64 {
	s.held.add(o.InFlight, o.Seconds)
	return expected + (done-expected)*s.evidence(quiet)
}

// evidence is how much a backend's pace counts: 1 with something in flight at all
// times, less and less below that.
func (s *capacityState) evidence(quiet float64) float64 {
	share := min(s.held.value/quiet, 1)
	return share * share
}
