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
	// wary is that reports are not trusted where nothing else is known.
	wary bool
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
	stays            []float64
	haveSteps        bool
	// memory is what a predecessor had learned, taken over when recalled says.
	memory   map[string]Remembered
	recalled time.Time
	lastZero float64
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
	held    average // in flight
	latency filter
	report  *reportState // nil until it has reported
	// distrust is what wariness has found.
	distrust distrust
}

// reportState is what a backend's load reports show.
type reportState struct {
	filter
	last time.Time
	// doubted is that the reports do not agree with latency, used that they are
	// what is published.
	doubted, used bool
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
		c.learnFromLatency(in, center, seconds)
	}
	c.learnFromReports(now, in, seconds)
	if c.wary && c.witness == byReports {
		c.distrustReports(in, seconds)
	}
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
			held:     newAverage(k.QuietMemory),
			distrust: distrust{stay: newPace(k.DistrustMemory)},
			latency:  newFilter(x, k.LatencyDrift, k.CapacitySpread, k),
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
	c.states, c.memory = states, nil
	c.weights = make([]float64, len(in))
	c.logs = make([]float64, len(in))
	c.deviations = make([]float64, len(in))
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
		f := &c.states[i].latency
		f.x = min(max(f.x-mean, -maxLog), maxLog)
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

func (c *capacity) learnFromReports(now time.Time, in []Observation, seconds float64) {
	cost := c.heldCost(in, seconds)
	var busy, completed float64
	for i := range in {
		if c.reportUsable(&in[i]) {
			busy += math.Exp(c.states[i].reported(c.constants).x) * in[i].Capacity * in[i].Utilization
			completed += in[i].Completed + cost*c.heldBy(&in[i])
		}
	}
	if busy == 0 || completed == 0 {
		return
	}
	perRequest := c.demand.add(busy, completed, seconds)
	for i := range in {
		if !c.reportUsable(&in[i]) {
			continue
		}
		r := c.states[i].reported(c.constants)
		r.last = now
		expected := math.Exp(r.x) * in[i].Capacity * in[i].Utilization / perRequest
		r.update(in[i].Completed+cost*c.heldBy(&in[i]), expected, 0, in[i].Seconds, &c.reports)
		r.x = min(max(r.x, -2*maxLog), 2*maxLog)
	}
}

// reported is what is known from reports; at first it is what latency shows.
func (s *capacityState) reported(k *Constants) *reportState {
	if s.report == nil {
		s.report = &reportState{filter: newFilter(s.latency.x, k.ReportDrift, 0, k)}
	}
	return s.report
}

func (r *reportState) fresh(now time.Time, limit time.Duration) bool {
	return r != nil && now.Sub(r.last) <= limit
}

// reportUsable leaves out what cannot be a share of a capacity: nothing used
// while work completes, and many times full (a percentage).
func (c *capacity) reportUsable(o *Observation) bool {
	return usable(o) && o.Settled &&
		o.Utilization > c.constants.LeastUtilization && o.Utilization <= c.constants.MostUtilization
}

// publish chooses each backend's estimate and turns it into weights.
func (c *capacity) publish(now time.Time, in []Observation) {
	k := c.constants
	zero := c.zero(now, in)
	c.lastZero = zero
	low, high := math.Inf(1), math.Inf(-1)
	for i := range in {
		s := &c.states[i]
		published := 0.0
		if c.witness == byBoth {
			published = s.latency.x
		}
		if r := s.report; r != nil {
			r.used = r.fresh(now, k.ReportLimit)
			if r.used && c.witness == byBoth {
				unsure := k.BelieveDeviations*math.Sqrt(s.latency.v) + k.BelieveAbove*(1-s.evidence(k.Quiet))
				r.judge(r.x-zero-max(s.latency.x, 0), r.x-zero-s.latency.x, unsure, k)
				r.used = !r.doubted
			}
			if r.used {
				published = min(max(r.x-zero, -maxLog), maxLog)
			}
		}
		if c.wary && c.witness == byReports {
			published = s.distrust.apply(published, s.report != nil && s.report.used, k.DistrustLimit)
		}
		c.logs[i], c.deviations[i] = published, s.deviation()
		if in[i].InService {
			low, high = min(low, published), max(high, published)
		}
	}
	if high-low > k.EqualUntil {
		c.spread = true
	} else if high-low < k.EqualBelow {
		c.spread = false
	}
	for i := range in {
		c.weights[i] = in[i].Capacity
		if c.spread {
			c.weights[i] *= math.Exp(c.logs[i])
		} else {
			c.logs[i] = 0
		}
	}
}

// zero is the median of what reports claim beyond latency: each of the two
// knows only ratios, and one liar must not shift everybody's zero.
func (c *capacity) zero(now time.Time, in []Observation) float64 {
	c.offsets = c.offsets[:0]
	for i := range in {
		s := &c.states[i]
		if in[i].InService && s.report.fresh(now, c.constants.ReportLimit) {
			offset := s.report.x
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
// must not count as a lie. Hence the two different widths, and less of them to
// be believed again.
//
// over is what the report claims beyond both latency and the configured capacity,
// as a logarithm: a distant backend that claims to be as strong as configured is no
// liar, though latency shows less. claim is what it claims beyond latency, and
// unsure how far latency itself may be off: by the filter's standard deviation, and
// by what is not counted of a quiet backend's pace. A lie there ends its own quiet.
func (r *reportState) judge(over, claim, unsure float64, k *Constants) {
	above, below := k.BelieveAbove+unsure, k.BelieveBelow+unsure
	if r.doubted {
		r.doubted = over > above*k.BelieveAgain || claim < -below*k.BelieveAgain
	} else {
		r.doubted = over > above || claim < -below
	}
}

// deviation is the standard deviation of the estimate that is published.
func (s *capacityState) deviation() float64 {
	if s.report != nil && s.report.used {
		return math.Sqrt(s.report.v)
	}
	return math.Sqrt(s.latency.v)
}

// cause says what backend i's weight comes from.
func (c *capacity) cause(i int) cause {
	r := c.states[i].report
	switch {
	case !c.spread:
		return becauseEqual
	case r != nil && r.used:
		return becauseReport
	case r != nil && r.doubted && c.witness == byBoth:
		return becauseDoubted
	default:
		return becauseLatency
	}
}

// claim is what backend i's report claims to be its capacity, as a multiple of
// what latency shows.
func (c *capacity) claim(i int) float64 {
	s := &c.states[i]
	return math.Exp(s.report.x - c.lastZero - s.latency.x)
}
