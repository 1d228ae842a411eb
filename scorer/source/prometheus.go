package source

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Prometheus polls backends for a metrics page in Prometheus' text format.
type Prometheus struct{ *poller }

// Metrics names the metric behind each signal, as [ParseSelector] reads it. ""
// means the default; a default that is not on a page is an absent signal, any
// other name that is not there is warned of.
//
// A counter becomes its rate per second, a gauge is taken as it is, and of a
// histogram or summary it is the number of observations for a rate and their
// mean for a duration. Several series that fit are added up, except where a sum
// would mean nothing: for gauges of utilization, CPU, memory, latency and named
// ones the selector must leave one.
type Metrics struct {
	// Utilization, CPU and Memory are shares, 1 is full. A counter of CPU
	// seconds gives cores in use, which is a share on one core only. Defaults
	// application_utilization, cpu_utilization, mem_utilization.
	Utilization, CPU, Memory string
	// InFlight is the requests or connections open now. Default
	// requests_in_flight.
	InFlight string
	// Requests is the work completed, failed work included, and Errors the
	// failed part. Defaults requests_total, errors_total.
	Requests, Errors string
	// Latency is in seconds. Default request_duration_seconds.
	Latency string
	// Named are further metrics by the name that they shall have.
	Named map[string]string
}

// NewPrometheus returns a source that has not begun: Run begins.
func NewPrometheus(o Options, m Metrics) (*Prometheus, error) {
	queries, err := m.queries()
	if err != nil {
		return nil, fmt.Errorf("load reports from Prometheus metrics: %w", err)
	}
	p, err := newPoller("prometheus", o, "text/plain;version=0.0.4", func() decoder {
		return &pageDecoder{queries: queries, last: map[string]counters{}}
	})
	if err != nil {
		return nil, fmt.Errorf("load reports from Prometheus metrics: %w", err)
	}
	return &Prometheus{p}, nil
}

// query is one signal and where it comes from.
type query struct {
	signal string
	Selector
	kind       kind
	configured bool
	set        func(*scorer.Report, float64)
}

func (m Metrics) queries() ([]query, error) {
	var out []query
	var errs []error
	add := func(signal, selector, standard string, k kind, set func(*scorer.Report, float64)) {
		text := selector
		if text == "" {
			text = standard
		}
		s, err := ParseSelector(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", signal, err))
		}
		out = append(out, query{signal, s, k, selector != "", set})
	}
	add("utilization", m.Utilization, "application_utilization", share, func(r *scorer.Report, v float64) { r.Utilization = v })
	add("cpu", m.CPU, "cpu_utilization", share, func(r *scorer.Report, v float64) { r.CPU = v })
	add("memory", m.Memory, "mem_utilization", share, func(r *scorer.Report, v float64) { r.Memory = v })
	add("in_flight", m.InFlight, "requests_in_flight", level, func(r *scorer.Report, v float64) { r.InFlight = v })
	add("requests", m.Requests, "requests_total", rate, func(r *scorer.Report, v float64) { r.RPS = v })
	add("errors", m.Errors, "errors_total", rate, func(r *scorer.Report, v float64) { r.EPS = v })
	add("latency", m.Latency, "request_duration_seconds", duration, func(r *scorer.Report, v float64) { r.Latency = v })
	for _, name := range slices.Sorted(maps.Keys(m.Named)) {
		add(name, m.Named[name], "", duration, func(r *scorer.Report, v float64) {
			if r.Named == nil {
				r.Named = map[string]float64{}
			}
			r.Named[name] = v
		})
	}
	return out, errors.Join(errs...)
}

// pageDecoder keeps one backend's counters from poll to poll.
type pageDecoder struct {
	queries []query
	last    map[string]counters
	lastAt  time.Time
}

func (d *pageDecoder) decode(r *scorer.Report, header http.Header, body []byte, at time.Time) ([]drop, error) {
	if expfmt.ResponseFormat(header).FormatType() == expfmt.TypeProtoDelim {
		return nil, errors.New("the metrics are in protobuf: want the text format")
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	page, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("not Prometheus' text format: %w", err)
	}
	elapsed := time.Duration(0)
	if !d.lastAt.IsZero() {
		elapsed = at.Sub(d.lastAt)
	}
	found := false
	var drops []drop
	for _, q := range d.queries {
		v, now, err := evaluate(q, page, d.last[q.signal], elapsed)
		d.last[q.signal] = now
		switch {
		case errors.Is(err, errMissing) && q.configured:
			drops = append(drops, drop{q.signal, Missing, "no series of " + q.name + " fits"})
		case errors.Is(err, errMissing):
		case errors.Is(err, errAmbiguous):
			drops = append(drops, drop{q.signal, Ambiguous, "several series of " + q.name + " fit, add label matchers"})
			found = true
		case err == nil && math.IsNaN(v):
			drops = append(drops, drop{signal: q.signal, reason: NotANumber})
			found = true
		case err == nil:
			found = true
			q.set(r, v)
		default: // errNotYet
			found = true
		}
	}
	d.lastAt, r.Interval = at, elapsed
	if !found {
		return nil, fmt.Errorf("none of the metrics asked for is among the %d of the page", len(page))
	}
	return drops, nil
}
