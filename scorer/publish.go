package scorer

import (
	"math"
	"slices"
	"time"
)

// publish chooses each backend's estimate and turns it into weights.
func (c *capacity) publish(now time.Time, in []Observation) {
	k := c.constants
	zero := c.zero(now, in)
	c.lastZero = zero
	low, high := math.Inf(1), math.Inf(-1)
	for i := range in {
		s := &c.states[i]
		// What was in force, or learned under another algorithm, is a beginning.
		published := s.latency.x
		if c.witness == byReports {
			published = 0
		}
		if r := s.report; r != nil {
			r.used = r.fresh(now, k) || c.witness == byQueues
			if r.used && c.witness == byBoth {
				unsure := k.BelieveDeviations*s.latency.unsure() + k.BelieveAbove*(1-s.evidence(k.Quiet))
				r.judge(r.x-zero-max(s.latency.x, 0), r.x-zero-s.latency.x, unsure, k)
				r.used = !r.doubted
			}
			if r.used {
				published = min(max(r.x-zero, -maxLog), maxLog)
			}
		}
		if c.witness == byQueues {
			published = s.queue.apply(published, s.report.fresh(now, k), c.trusts, k)
		}
		f, _ := s.published()
		c.logs[i], c.deviations[i] = published, math.Sqrt(f.v)
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
		if in[i].InService && s.report.fresh(now, c.constants) {
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
	if c.witness == byQueues {
		return (c.offsets[len(c.offsets)/2] + c.offsets[(len(c.offsets)-1)/2]) / 2
	}
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
// What the report has changed by of a sudden is not held against it, as latency is
// slower.
func (r *reportState) judge(over, claim, unsure float64, k *Constants) {
	over = max(over-max(r.sudden, 0), 0)
	if claim < 0 {
		claim = min(claim-min(r.sudden, 0), 0)
	}
	above, below := k.BelieveAbove+unsure, k.BelieveBelow+unsure
	if r.doubted {
		r.doubted = over > above*k.BelieveAgain || claim < -below*k.BelieveAgain
	} else {
		r.doubted = over > above || claim < -below
	}
}

// published is the filter whose estimate is published, and its changes.
func (s *capacityState) published() (*filter, *changes) {
	if s.report != nil && s.report.used {
		return &s.report.filter, &s.report.changes
	}
	return &s.latency, &s.changes
}

// width is how far what is wanted of backend i must be from what is published for
// it to move, given the configured deadband: as far as the estimate may be off, and
// twice the deadband at least while nothing happens to it.
func (c *capacity) width(i int, deadband float64) float64 {
	k := c.constants
	if f, _ := c.states[i].published(); f.calm(k) {
		deadband *= k.CalmDeadband
	}
	return max(deadband, min(k.DeadbandDeviations*c.deviations[i], k.MaxDeadband))
}

// changed is what has happened to backend i's capacity lately.
func (c *capacity) changed(i int, now time.Time) change {
	_, changes := c.states[i].published()
	return changes.told(now)
}

// cause says what backend i's weight comes from.
func (c *capacity) cause(i int) cause {
	r := c.states[i].report
	switch {
	case !c.spread:
		return becauseEqual
	case c.witness == byQueues && r == nil:
		return becauseQueueAlone
	case c.witness == byQueues && math.Abs(c.states[i].queue.correction()) > visible:
		return becauseQueue
	case c.witness == byQueues && !r.fresh(c.last, c.constants):
		return becauseLastReport
	case r != nil && r.used:
		return becauseReport
	case c.witness == byReports:
		return becauseUnreported
	case c.doubts(r):
		return becauseDoubted
	default:
		return becauseLatency
	}
}

// doubts is whether reports that still come are not believed.
func (c *capacity) doubts(r *reportState) bool {
	return c.witness == byBoth && r.fresh(c.last, c.constants) && r.doubted
}

// claim is what backend i's report claims to be its capacity, as a multiple of
// what latency shows.
func (c *capacity) claim(i int) float64 {
	s := &c.states[i]
	return math.Exp(s.report.x - c.lastZero - s.latency.x)
}
