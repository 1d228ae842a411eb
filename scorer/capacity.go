package scorer

import (
	"math"
	"slices"
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
// what is expected ([noise]); x and v walk and are pulled back as [newFilter]
// says. p − x matters: the filter estimates a capacity under the weight that is
// really there, so it does not wind up while a weight does not follow (deadband,
// rounding, a person's hand). A backend with hardly anything in flight shows only
// its own pace; that counts less (discount).
//
// # From reports
//
// The same filter again with expected = e^y·C·u·Σq/Σ(e^y·C·u), u the reported
// utilization. The two can only be compared in ratios, so the median of y − x is
// taken off. A report is believed unless it claims over 0.4 more or 0.1 less (and
// a standard deviation) than latency shows: an overstated capacity shows in
// latency, an understated one hardly does. Believed, y is published, else x. A
// pool may mix the two. Under round robin nothing keeps latency steady, and y
// alone is used.
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
	leak    float64
	witness witness

	pace      pace
	states    []capacityState
	index     map[string]int
	latency   noise
	reports   noise
	demand    pace
	last      time.Time
	spread    bool
	weights   []float64
	leads     []float64 // logs of the shares in force
	offsets   []float64
	haveSteps bool
	lastZero  float64
}

// witness says what the law may learn from.
type witness uint8

const (
	// byBoth learns from latency, and from reports while the two agree.
	byBoth witness = iota
	// byReports learns from reports alone: the proxy has no feedback of its
	// own, so that latency shows queues.
	byReports
)

type capacityState struct {
	name       string
	held       average // in flight
	latency    filter
	reported   filter
	hasReport  bool
	doubted    bool
	published  float64
	byReport   bool
	lastReport time.Time
}

const (
	// latencyDrift and reportDrift are the filters' drift per second.
	latencyDrift = 0.05
	reportDrift  = 0.02
	// capacitySpread is what capacities are taken to differ by from what is
	// configured, as a standard deviation of the logarithm.
	capacitySpread = 0.5
	// quiet is how many requests must be in flight at a backend for its pace to be
	// full evidence of how loaded it is, over quietMemory seconds.
	quiet       = 2
	quietMemory = 10
	// paceMemory and demandMemory are the pool's memories in seconds.
	paceMemory   = 30
	demandMemory = 10
	// believeAbove and believeBelow are by how much a report may claim more or
	// less capacity than latency shows, besides one standard deviation.
	believeAbove = 0.4
	believeBelow = 0.1
	// equalUntil and equalBelow: all backends stay at their configured
	// capacities until the estimates are that far apart, and return to them
	// when they are closer than that again.
	equalUntil = 0.2
	equalBelow = 0.1
	// reportLimit is the age at which a report no longer counts.
	reportLimit = 10 * time.Second
)

func newCapacity() *capacity {
	return &capacity{
		leak: defaultLeak, index: map[string]int{},
		pace: newPace(paceMemory), demand: newPace(demandMemory),
		latency: newNoise(), reports: newNoise(),
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
		c.learnFromLatency(in, center, seconds)
	}
	c.learnFromReports(now, in, seconds)
	c.publish(now, in)
	return c.weights
}

// align brings the states into the order of the observations.
func (c *capacity) align(in []Observation) {
	same := len(c.states) == len(in)
	for i := 0; same && i < len(in); i++ {
		same = c.states[i].name == in[i].Backend
	}
	if same {
		return
	}
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
			name: in[i].Backend, held: newAverage(quietMemory),
			latency: newFilter(x, latencyDrift, capacitySpread), reported: newFilter(x, reportDrift, 0),
		}
	}
	clear(c.index)
	for i := range in {
		c.index[in[i].Backend] = i
	}
	c.states = states
	c.weights = make([]float64, len(in))
	c.offsets = make([]float64, 0, len(in))
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

func (c *capacity) learnFromLatency(in []Observation, center, seconds float64) {
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
	for i := range in {
		f := &c.states[i].latency
		if !usable(&in[i]) || !in[i].Settled {
			f.forget(seconds)
			continue
		}
		lead := c.leads[i] - center - f.x
		if !isNumber(lead) {
			lead = 0 // nothing is known of what is in force: the plan is
		}
		expected := in[i].InFlight / t
		if c.leak > 0 {
			expected *= math.Exp(c.leak * f.x)
		}
		done := c.states[i].discount(in[i].Completed, expected, &in[i])
		f.update(done, expected, lead, in[i].Seconds, &c.latency)
	}
	c.centerOn(in, func(s *capacityState) *float64 { return &s.latency.x })
}

// discount returns what the backend is taken to have done. A backend with hardly
// anything in flight has no queue: what it is slow or quick by is its own pace (a
// slow core, a distant zone), and moving work would go on for ever, as that
// changes nothing. Such surprises count less the quieter the backend is.
func (s *capacityState) discount(done, expected float64, o *Observation) float64 {
	held := s.held.add(o.InFlight, o.Seconds)
	if held >= quiet {
		return done
	}
	share := held / quiet
	return expected + (done-expected)*share*share
}

// centerOn takes the mean over the backends in service off every estimate: only
// ratios are known. Centring over others would let an ejected backend's
// estimate drift away.
func (c *capacity) centerOn(in []Observation, x func(*capacityState) *float64) {
	var sum, count float64
	for i := range in {
		if in[i].InService {
			sum += *x(&c.states[i])
			count++
		}
	}
	if count == 0 {
		return
	}
	for i := range in {
		value := x(&c.states[i])
		*value = min(max(*value-sum/count, -maxLog), maxLog)
	}
}

func (c *capacity) learnFromReports(now time.Time, in []Observation, seconds float64) {
	var busy, completed float64
	for i := range in {
		if c.reportUsable(&in[i]) {
			busy += math.Exp(c.states[i].reported.x) * in[i].Capacity * in[i].Utilization
			completed += in[i].Completed
		}
	}
	if busy == 0 || completed == 0 {
		return
	}
	perRequest := c.demand.add(busy, completed, seconds)
	for i := range in {
		s := &c.states[i]
		if !c.reportUsable(&in[i]) {
			continue
		}
		if !s.hasReport {
			s.hasReport = true
			s.reported.x = s.latency.x
		}
		s.lastReport = now
		expected := math.Exp(s.reported.x) * in[i].Capacity * in[i].Utilization / perRequest
		s.reported.update(in[i].Completed, expected, 0, in[i].Seconds, &c.reports)
		s.reported.x = min(max(s.reported.x, -2*maxLog), 2*maxLog)
	}
}

// reportUsable leaves out what cannot be a share of a capacity: nothing used
// while work completes, and more than eight times full (a percentage).
func (c *capacity) reportUsable(o *Observation) bool {
	return usable(o) && o.Settled && o.Utilization > 0.002 && o.Utilization <= 8
}

// publish chooses each backend's estimate and turns it into weights.
func (c *capacity) publish(now time.Time, in []Observation) {
	zero := c.zero(now, in)
	c.lastZero = zero
	low, high := math.Inf(1), math.Inf(-1)
	for i := range in {
		s := &c.states[i]
		s.byReport = s.hasReport && now.Sub(s.lastReport) <= reportLimit
		s.published = 0
		if c.witness == byBoth {
			s.published = s.latency.x
		}
		if s.byReport && c.witness == byBoth {
			s.judge(s.reported.x - zero - s.latency.x)
			s.byReport = !s.doubted
		}
		if s.byReport {
			s.published = min(max(s.reported.x-zero, -maxLog), maxLog)
		}
		if in[i].InService {
			low, high = min(low, s.published), max(high, s.published)
		}
	}
	if high-low > equalUntil {
		c.spread = true
	} else if high-low < equalBelow {
		c.spread = false
	}
	for i := range in {
		c.weights[i] = in[i].Capacity
		if c.spread {
			c.weights[i] *= math.Exp(c.states[i].published)
		}
	}
}

// log is the logarithm of backend i's weight over its configured capacity.
func (c *capacity) log(i int) float64 {
	if !c.spread {
		return 0
	}
	return c.states[i].published
}

// zero is the median of what reports claim beyond latency: each of the two
// knows only ratios, and one liar must not shift everybody's zero.
func (c *capacity) zero(now time.Time, in []Observation) float64 {
	c.offsets = c.offsets[:0]
	for i := range in {
		s := &c.states[i]
		if in[i].InService && s.hasReport && now.Sub(s.lastReport) <= reportLimit {
			offset := s.reported.x
			if c.witness == byBoth {
				offset -= s.latency.x
			}
			c.offsets = append(c.offsets, offset)
		}
	}
	if len(c.offsets) == 0 {
		return 0
	}
	slices.Sort(c.offsets)
	return c.offsets[len(c.offsets)/2]
}

// judge decides whether a report is believed. An overstated capacity shows in
// latency and an understated one hardly does; a slow core or some distance
// must not count as a lie. Hence the two different widths, and half of them to
// be believed again.
func (s *capacityState) judge(claim float64) {
	deviation := math.Sqrt(s.latency.v)
	above, below := believeAbove+deviation, believeBelow+deviation
	if s.doubted {
		s.doubted = claim > above/2 || claim < -below/2
	} else {
		s.doubted = claim > above || claim < -below
	}
}

// deviation is the standard deviation of the estimate that backend i is
// published with.
func (c *capacity) deviation(i int) float64 {
	s := &c.states[i]
	if s.byReport {
		return math.Sqrt(s.reported.v)
	}
	return math.Sqrt(s.latency.v)
}

// cause says what backend i's weight comes from, and for a report that is not
// believed, what it claims as a multiple of what latency shows.
func (c *capacity) cause(i int) (because cause, claim float64) {
	s := &c.states[i]
	switch {
	case !c.spread:
		return becauseEqual, 0
	case s.byReport:
		return becauseReport, 0
	case s.doubted && s.hasReport && c.witness == byBoth:
		return becauseDoubted, math.Exp(s.reported.x - c.lastZero - s.latency.x)
	default:
		return becauseLatency, 0
	}
}
