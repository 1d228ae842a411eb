package scorer

import (
	"math"
	"time"
)

// reportState is what a backend's load reports show.
type reportState struct {
	filter
	changes changes
	// sudden is by how much it has changed of a sudden, fading as latency gets
	// time to show the same.
	sudden float64
	// last is when there was a report that counts, taken when there was one with
	// counts of its own.
	last, taken time.Time
	// done is the work per second that the newest report's utilization was for, and
	// covers how many seconds of it have not been learned from yet.
	done, covers float64
	// units are what proxies and the backend itself count.
	units      pace
	repetition repetition
	// doubted is that the reports do not agree with latency, used that they are
	// what is published.
	doubted, used bool
}

func newReportState(x float64, k *Constants) *reportState {
	r := &reportState{filter: newFilter(x, k.ReportDrift, 0, k.ReportReopen, k), units: newPace(k.PaceMemory)}
	r.v = k.FirstReportDeviation * k.FirstReportDeviation
	return r
}

func (c *capacity) learnFromReports(now time.Time, in []Observation, seconds float64) {
	k := c.constants
	cost := c.heldCost(in, seconds)
	var busy, completed float64
	for i := range in {
		if !c.reportUsable(&in[i]) {
			continue
		}
		r := c.states[i].reported(k)
		c.compareReport(&in[i], &c.states[i])
		if !r.repetition.suspect(k) {
			r.take(&in[i], cost*c.heldBy(&in[i]), now, seconds, k.ReportLimit)
			busy += math.Exp(r.x) * in[i].Capacity * in[i].Utilization
			completed += r.done
		}
	}
	if busy == 0 || completed == 0 {
		return
	}
	perRequest := c.demand.add(busy, completed, seconds)
	for i := range in {
		r := c.states[i].report
		if !c.reportUsable(&in[i]) || r.repetition.suspect(k) {
			continue
		}
		r.last = now
		if r.covers > 0 {
			expected := math.Exp(r.x) * in[i].Capacity * in[i].Utilization / perRequest
			r.update(r.done, expected, 0, r.covers, &c.reports)
			r.x = min(max(r.x, -2*maxLog), 2*maxLog)
			r.sudden *= math.Exp(-r.covers / k.SuddenMemory)
			if r.catching {
				r.sudden += r.x - r.before
			}
			r.changes.note(now, &r.filter)
		}
	}
}

// take finds out what was done for the reported utilization. What a backend counts
// itself is of the same time, while what the proxies have counted since then is of a
// second or more later: in units of the proxies' it is the better measure, where a
// report has it. (Units, as a backend may count its work otherwise than the others.)
func (r *reportState) take(o *Observation, held float64, now time.Time, seconds float64, limit time.Duration) {
	r.done, r.covers = o.Completed+held, o.Seconds
	if held > 0 || !(o.Served >= 0) || math.IsInf(o.Served, 1) {
		return
	}
	if r.covers = 0; o.Reported {
		r.covers = seconds
		if !r.taken.IsZero() {
			r.covers = min(now.Sub(r.taken), limit).Seconds()
		}
		r.taken = now
		r.units.add(o.Completed, o.Served, r.covers)
	}
	if units := r.units.top.value / r.units.bottom.value; isNumber(units) {
		r.done = o.Served * units
	}
}

// reported is what is known from reports; at first it is what latency shows.
func (s *capacityState) reported(k *Constants) *reportState {
	if s.report == nil {
		s.report = newReportState(s.latency.x, k)
	}
	return s.report
}

func (r *reportState) fresh(now time.Time, k *Constants) bool {
	return r != nil && now.Sub(r.last) <= k.ReportLimit && !r.repetition.suspect(k)
}

// reportUsable leaves out what cannot be a share of a capacity: nothing used
// while work completes, and many times full (a percentage).
func (c *capacity) reportUsable(o *Observation) bool {
	return usable(o) && o.Settled &&
		o.Utilization > c.constants.LeastUtilization && o.Utilization <= c.constants.MostUtilization
}
