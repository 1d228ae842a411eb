package scorer

import "math"

// repetition tells a report that is only repeated from one that is measured: of
// many in a row the utilization is the same to the last bit, while it ought to have
// changed. Either the work that the proxies see done has changed by more than can
// be lost in rounding, or a backend has nothing free that answers as quickly as the
// others, and as itself at its best. Such a report counts as none, and what it has
// taught is forgotten.
//
// Simulated under HAProxy's round robin, p99 over that of the known capacities with
// a backend that repeats its last report when its capacity is halved: 0.43, and
// 1.9 where that is not noticed (the known capacities are those of before). With
// one that always says that nothing is free: 1.01 and 1.7.
type repetition struct {
	// value is the utilization of the last report, log what reports had shown when
	// it was said first, and times how often it has been said since then.
	value, log float64
	times      int
	// pace is what the proxies saw completed per second at first.
	pace float64
	// odd counts the reports in a row that should have said something else.
	odd int
}

// suspect says whether the report is only repeated.
func (r *repetition) suspect(k *Constants) bool { return float64(r.odd) >= k.OddReports }

// compareReport compares a backend's newest report with the last.
func (c *capacity) compareReport(o *Observation, s *capacityState) {
	if !o.Reported {
		return
	}
	r, k := &s.report.repetition, c.constants
	if o.Utilization != r.value {
		if r.suspect(k) {
			s.report.v = k.FirstReportDeviation * k.FirstReportDeviation
		}
		*r = repetition{value: o.Utilization, log: s.report.x}
	}
	if r.suspect(k) {
		return
	}
	r.times++
	odd := s.queue.idle(&c.queues, k)
	if o.Utilization < k.Full {
		odd = r.changed(o, c.reports.dispersion, k)
	}
	if !odd {
		r.odd = 0
		return
	}
	if r.odd++; r.suspect(k) {
		s.report.x = r.log
	}
}

// changed says whether the work has changed since the beginning, by more than
// noise. What was there before a change of load fades from the beginning.
func (r *repetition) changed(o *Observation, dispersion float64, k *Constants) bool {
	if float64(r.times) <= k.OddReports {
		r.pace += (o.Completed - r.pace) / min(float64(r.times), 3)
		return false
	}
	// Of less than one in a window nothing has grown by any factor.
	pace := max(r.pace, 1/o.Seconds)
	noise := 2 * math.Sqrt(dispersion/(pace*o.Seconds))
	return o.Utilization*(math.Abs(o.Completed/pace-1)-noise) > k.OddChange
}
