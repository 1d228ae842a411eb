package scorer

import (
	"math"
	"slices"
)

// queues sees queues grow, for round robin, where nothing else keeps work from a
// backend that has too much of it. Where nothing is reported either, they are what
// weights are learned from.
//
//	W      = Σ in flight / Σ completed             s, over 10 s, by Little's law
//	τ      = 1 s + 4·median W
//	best   = the least W lately                    grows by two fifths in 100 s
//	slow   = median W + (best − median best)       between 0 and τ/10
//	quick  = median W − (median best − best)       between 0 and τ/10, at most median W/2
//	margin = e^(0.22 + 2·√(F / requests))
//
// A backend may be slower than the others by what it is at its best, as one that is
// far or has slow cores. Beyond that, requests wait. Two things are done about it,
// and both are added to the logarithm of its share.
//
// Relief, at once: what has come together is to be worked off within some τ.
//
//	late   = in flight now / (Σ completed / 10 s) − slow·margin
//	r      = ln(τ / (τ + late))                    0 where late < 0
//
// The guard, for good: what lasts is no accident but a report that is not true.
//
//	W > slow·margin:     g ← g − 0.04·min(1, ln(W / slow)) a second
//	W < quick/margin:    g ← g + 0.04·min(1, ln(quick / W)) a second
//	W < slow·e^0.05:     g < 0 goes back by 0.001 a second, and the like for g > 0
//
// g stays between what the report says and the configured share: it takes back what
// has been earned by reporting little use, or lost by reporting much. Of a backend
// without a report to go by it is between −1.4 and 1.4. Both are 0 for reports that
// are trusted.
//
// Simulated, p99 over that of the known capacities, medians of three seeds that
// played no part in any choice: with equal weights, with nothing reported, and with
// reports, of which one is a lie in the first five (the known capacities of frozen
// are those of before).
//
//	                 HAProxy roundrobin       Envoy ROUND_ROBIN
//	zero             2,451   1.19   0.97      2,435   1.17   0.96
//	a fifth           1.00   1.00   1.00       1.00   1.00   1.02
//	always full      2,451   1.18   1.39      2,435   1.17   1.41
//	frozen             111   0.38   0.36        121   0.46   0.44
//	stopped          1,627   2.45   0.89      1,607   1.87   0.89
//	unequal          2,489   1.00   0.99      2,455   1.03   1.00
//	one slow           936   1.00   0.99        937   0.99   1.01
//	video             1.48   1.03   1.04       1.54   1.03   0.99
//	neighbour moves   1.03   1.16   0.05       0.98   1.36   0.05
//	from dusk to day 1,398   4.46   0.97      1,399   5.07   1.01
//	all at once      1,107     32   0.99      1,105     27   0.98
//	1,000 backends    20.6   20.7   1.10       19.1   20.1   1.21
//	100 of them       63.3   1.05   1.00       57.8   1.08   1.02
//	one in 2 s        41.3   38.9   0.99       39.4   36.0   1.01
//	rolling restart   1.02   0.14   0.04       1.00   0.15   0.04
//
// Where nothing waits for long there is nothing to learn from: a request in two
// seconds, a thousand backends with one each. Learning by queues alone is as quick as
// 0.04 a second allows: with 0.1 it is ahead of what it causes, and runs to and fro
// where capacities change every half minute (2.7 instead of 1.4 behind Envoy); with
// 0.015 one who reports a fifth of its use has it for too long (3.2 instead of 1.0).
type queues struct {
	// median and best are medians over the pool, in seconds; 0 with fewer than two
	// backends to compare. pace is τ.
	median, best, pace float64
	// dispersion is how noisy completions are.
	dispersion float64
	all        []float64
}

// queue is one backend's.
type queue struct {
	stay          pace
	best          float64
	relief, guard float64
}

// watchQueues moves every backend's relief and guard.
func (c *capacity) watchQueues(in []Observation, seconds float64) {
	q, k := &c.queues, c.constants
	q.dispersion = c.reports.dispersion
	for i := range in {
		c.states[i].queue.observe(&in[i], seconds, k)
	}
	q.median = q.medianOf(in, c.states, (*queue).seconds)
	q.best = q.medianOf(in, c.states, func(one *queue) float64 { return one.best })
	q.pace = k.QueuePace + k.QueuePaces*q.median
	for i := range in {
		one, o := &c.states[i].queue, &in[i]
		switch {
		case !o.InService || q.median == 0 || !isNumber(o.InFlight):
			one.relief = 0
		case usable(o) && one.seconds() > 0:
			one.relieve(o, q, k)
			one.move(q, o.Seconds, k)
		default: // nothing new: what was seen stands, and shows no more for standing
		}
	}
}

// medianOf is the lower one of two: of two backends the slower one is not the
// measure.
func (q *queues) medianOf(in []Observation, states []capacityState, value func(*queue) float64) float64 {
	q.all = q.all[:0]
	for i := range in {
		if one := &states[i].queue; in[i].InService && one.seconds() > 0 && isNumber(one.seconds()) {
			q.all = append(q.all, value(one))
		}
	}
	if len(q.all) < 2 {
		return 0
	}
	slices.Sort(q.all)
	return q.all[(len(q.all)-1)/2]
}

// margin is the logarithm of what may be noise, of so many requests.
func (q *queues) margin(requests float64, k *Constants) float64 {
	return k.QueueMargin + k.QueueDeviations*math.Sqrt(q.dispersion/max(requests, 1))
}

// slow and quick are the times that a backend should be between.
func (q *queues) slow(one *queue, k *Constants) float64 {
	return q.median + min(max(one.best-q.best, 0), k.QueueFar*q.pace)
}

func (q *queues) quick(one *queue, k *Constants) float64 {
	return q.median - min(max(q.best-one.best, 0), k.QueueFar*q.pace, q.median/2)
}

func (one *queue) observe(o *Observation, seconds float64, k *Constants) {
	if usable(o) {
		one.stay.add(o.InFlight, o.Completed, o.Seconds)
	}
	if w := one.seconds(); o.InService && w > 0 && isNumber(w) {
		if one.best == 0 {
			one.best = w
		}
		one.best = min(one.best*(1+seconds/k.QueueBest), w)
	}
}

// seconds is how long requests stay, NaN while nothing is known.
func (one *queue) seconds() float64 { return one.stay.top.value / one.stay.bottom.value }

// idle is that nothing waits.
func (one *queue) idle(q *queues, k *Constants) bool {
	return one.seconds() <= min(q.median, one.best*math.Exp(k.QueueMargin))
}

// rate is what is completed per second.
func (one *queue) rate() float64 { return one.stay.bottom.value }

func (one *queue) relieve(o *Observation, q *queues, k *Constants) {
	late := o.InFlight/one.rate() - q.slow(one, k)*math.Exp(q.margin(one.rate()*o.Seconds, k))
	one.relief = 0
	if late > 0 {
		one.relief = math.Log(q.pace / (q.pace + min(late, q.pace*math.Exp(maxLog))))
	}
}

func (one *queue) move(q *queues, seconds float64, k *Constants) {
	margin := q.margin(one.rate()*min(one.stay.bottom.age, k.QueueMemory), k)
	over, under := math.Log(one.seconds()/q.slow(one, k)), math.Log(q.quick(one, k)/one.seconds())
	switch {
	case over > margin:
		one.guard -= k.GuardTakes * min(1, over) * seconds
	case under > margin:
		one.guard += k.GuardTakes * min(1, under) * seconds
	case one.guard < 0 && over < k.QueueBack:
		one.guard = min(one.guard+k.GuardGives*seconds, 0)
	case one.guard > 0 && under < k.QueueBack:
		one.guard = max(one.guard-k.GuardGives*seconds, 0)
	}
}

// apply returns what becomes of a published logarithm. reported is that there is a
// report to go by, trusted that it is taken at its word.
func (one *queue) apply(published float64, reported, trusted bool, k *Constants) float64 {
	switch {
	case reported && trusted:
		one.guard, one.relief = 0, 0
	case reported:
		one.guard = min(max(one.guard, -max(published, 0)), max(-published, 0))
	default:
		one.guard = min(max(one.guard, -k.GuardLimit), k.GuardLimit)
	}
	return published + one.correction()
}

// correction is what the queue adds to the logarithm.
func (one *queue) correction() float64 { return one.guard + one.relief }
