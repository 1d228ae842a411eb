package source

import (
	"errors"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// kind is what a signal's number means, which decides how series become one.
type kind uint8

const (
	share    kind = iota // a gauge as it is, one series
	level                // gauges added up
	rate                 // per second, added up
	duration             // the mean observation, or a gauge as it is
)

var (
	errMissing   = errors.New("not on the page")
	errAmbiguous = errors.New("several series")
	errNotYet    = errors.New("a counter needs two looks")
)

// tally is a series' running totals. A plain counter has only total.
type tally struct{ total, sum float64 }

type counters map[string]tally

// minElapsed is the least time over which a difference of counters says
// anything about a rate.
const minElapsed = 10 * time.Millisecond

// evaluate turns the series that fit a query into one number, and returns the
// counters to compare with next time.
func evaluate(q query, page map[string]*dto.MetricFamily, last counters, elapsed time.Duration) (float64, counters, error) {
	family, part := lookUp(page, q.name)
	if family == nil {
		return 0, nil, errMissing
	}
	var fit []*dto.Metric
	for _, m := range family.GetMetric() {
		if q.fits(m) {
			fit = append(fit, m)
		}
	}
	if !cumulative(family, part) {
		v, err := gauge(q.kind, fit)
		return v, nil, err
	}
	now := counters{}
	for _, m := range fit {
		now[seriesKey(m)] = read(m, part)
	}
	// last is nil at first and after a page without the family.
	if last == nil || elapsed < minElapsed {
		return 0, now, errNotYet
	}
	total, sum := growth(last, now)
	if q.kind == duration && observations(family) && part == "" {
		if total == 0 {
			return 0, now, errNotYet // nothing happened, nothing lasted
		}
		return sum / total, now, nil
	}
	return total / elapsed.Seconds(), now, nil
}

// lookUp finds a family; of a histogram or summary, name_count and name_sum
// are parts that the parser has folded in.
func lookUp(page map[string]*dto.MetricFamily, name string) (f *dto.MetricFamily, part string) {
	if f := page[name]; f != nil {
		return f, ""
	}
	for _, part := range []string{"_count", "_sum"} {
		if base, ok := strings.CutSuffix(name, part); ok && observations(page[base]) {
			return page[base], part
		}
	}
	return nil, ""
}

func observations(f *dto.MetricFamily) bool {
	return f != nil && (f.GetType() == dto.MetricType_HISTOGRAM || f.GetType() == dto.MetricType_SUMMARY)
}

// cumulative is true for what only grows. Without a TYPE line the name tells.
func cumulative(f *dto.MetricFamily, part string) bool {
	return part != "" || observations(f) || f.GetType() == dto.MetricType_COUNTER ||
		(f.GetType() == dto.MetricType_UNTYPED && strings.HasSuffix(f.GetName(), "_total"))
}

func gauge(k kind, fit []*dto.Metric) (float64, error) {
	switch {
	case len(fit) == 0:
		return 0, errMissing
	case len(fit) > 1 && (k == share || k == duration):
		return 0, errAmbiguous
	}
	sum := 0.0
	for _, m := range fit {
		// One of the two is nil and reads as 0.
		sum += m.GetGauge().GetValue() + m.GetUntyped().GetValue()
	}
	return sum, nil
}

func read(m *dto.Metric, part string) tally {
	t := tally{
		total: m.GetCounter().GetValue() + m.GetUntyped().GetValue() +
			float64(m.GetHistogram().GetSampleCount()) + float64(m.GetSummary().GetSampleCount()),
		sum: m.GetHistogram().GetSampleSum() + m.GetSummary().GetSampleSum(),
	}
	if part == "_sum" {
		t.total = t.sum
	}
	return t
}

// growth adds up what the series of both looks have grown by. One that fell has
// begun anew, at 0; one that is new may have counted for long, and waits.
func growth(last, now counters) (total, sum float64) {
	for key, n := range now {
		l, known := last[key]
		if !known {
			continue
		}
		if n.total < l.total {
			l = tally{}
		}
		total += n.total - l.total
		sum += n.sum - l.sum
	}
	return total, sum
}
