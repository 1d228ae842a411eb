package loadstats

import (
	"maps"
	"math"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// sum is one stream's reports of one pool, which may be several clusters.
type sum struct{ reports []scorer.Report }

// include adds a cluster's reports.
func (s *sum) include(v *view, origin string, now time.Time, interval time.Duration) {
	var places map[string]int
	if len(s.reports) > 0 {
		places = make(map[string]int, len(s.reports))
		for i := range s.reports {
			places[s.reports[i].Backend] = i
		}
	}
	for i, backend := range v.backends {
		c := &v.now[i].counts
		if !c.sane() {
			v.implausible++
			continue
		}
		r := scorer.NewReport(backend, origin, now)
		v.past[i].report(&r, &v.now[i], interval, &v.implausible)
		if at, ok := places[backend]; ok {
			merge(&s.reports[at], &r)
		} else {
			s.reports = append(s.reports, r)
		}
	}
}

// report fills a report with a period's observation.
func (h *history) report(r *scorer.Report, o *observation, interval time.Duration, implausible *uint64) {
	r.ByProxy = true
	r.InFlight = float64(o.inProgress)
	finished, opaque := h.finish(&o.counts)
	if seconds := interval.Seconds(); seconds > 0 {
		r.Interval = interval
		r.RPS = float64(finished) / seconds
		r.EPS = float64(o.failed) / seconds
		if opaque {
			r.Upgrades = r.RPS
		}
	}
	*implausible += h.words.hear(&o.load, r.At)
	h.words.repeat(r)
}

// merge adds what another cluster of the data plane has of the same backend.
func merge(to, from *scorer.Report) {
	to.InFlight += from.InFlight
	to.Interval = max(to.Interval, from.Interval)
	for _, pair := range [][2]*float64{{&to.RPS, &from.RPS}, {&to.EPS, &from.EPS}, {&to.Upgrades, &from.Upgrades}} {
		switch {
		case math.IsNaN(*pair[0]):
			*pair[0] = *pair[1]
		case !math.IsNaN(*pair[1]):
			*pair[0] += *pair[1]
		}
	}
	for _, pair := range [][2]*float64{{&to.Utilization, &from.Utilization}, {&to.CPU, &from.CPU}, {&to.Memory, &from.Memory}} {
		if math.IsNaN(*pair[0]) {
			*pair[0] = *pair[1]
		}
	}
	if to.Named == nil {
		to.Named = from.Named
	} else {
		maps.Copy(to.Named, from.Named)
	}
}
