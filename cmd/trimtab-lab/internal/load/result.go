package load

import (
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what the requests of one window met with. Quantiles are exact.
type Result struct {
	// Requests is how many the trace has in the window.
	Requests int
	// Errors counts the requests without a good answer, by kind.
	Errors Errors
	// Refused is the answers 503 among the errors, a proxy's that has no backend
	// to send to.
	Refused int
	// Unfinished is requests that had no answer yet when the replay was ended.
	Unfinished int
	// Rate is good answers per second of the window.
	Rate float64
	// Latency is of the good answers only: what fails fast is no fast answer.
	Latency Quantiles
	// Mean is the mean of the same.
	Mean time.Duration
	// SendLate is how late requests were sent.
	SendLate Quantiles
	// Served is for how long good answers were in their backends, by the exact
	// instants there: what their latency would be without any way to them.
	Served Quantiles
	// Overhead is what of a good answer's latency was spent elsewhere: the sender's lateness, the proxy's part, timers.
	Overhead Quantiles
	// Histogram has the latencies of the good answers in microseconds.
	Histogram *hdrhistogram.Histogram
}

// Errors counts requests without a good answer.
type Errors struct {
	// Status is answers with a status of 400 or above.
	Status int `json:"status"`
	// Broken is requests without a complete answer: refused, reset, timed out.
	Broken int `json:"broken"`
	// NotSent is requests that found too many others open.
	NotSent int `json:"not_sent"`
}

// Total is the number of errors of every kind.
func (e Errors) Total() int { return e.Status + e.Broken + e.NotSent }

// ErrorShare is the share of the requests without a good answer.
func (r Result) ErrorShare() float64 {
	if r.Requests == 0 {
		return 0
	}
	return float64(r.Errors.Total()) / float64(r.Requests)
}

// Quantiles describe a distribution of durations; all are 0 for an empty one.
type Quantiles struct {
	P50, P90, P99, P999, Max time.Duration
}

// quantilesOf sorts all in place.
func quantilesOf(all []time.Duration) Quantiles {
	if len(all) == 0 {
		return Quantiles{}
	}
	slices.Sort(all)
	at := func(q float64) time.Duration {
		return all[max(0, int(math.Ceil(q*float64(len(all))))-1)]
	}
	return Quantiles{P50: at(0.5), P90: at(0.9), P99: at(0.99), P999: at(0.999), Max: all[len(all)-1]}
}

func resultOf(all []outcome, length time.Duration) Result {
	r := Result{Requests: len(all), Histogram: newHistogram()}
	var latency, late, served, overhead []time.Duration
	var sum time.Duration
	for _, o := range all {
		if o.wasSent() {
			late = append(late, o.late)
		}
		switch {
		case o.ok():
			latency, sum = append(latency, o.latency), sum+o.latency
			record(r.Histogram, o.latency)
			if o.served > 0 {
				served = append(served, o.served)
				overhead = append(overhead, o.latency-o.served)
			}
		case o.status == notSent:
			r.Errors.NotSent++
		case o.status == pending || o.status == cancelled:
			r.Unfinished++
		case o.status > 0:
			r.Errors.Status++
			if o.status == http.StatusServiceUnavailable {
				r.Refused++
			}
		default:
			r.Errors.Broken++
		}
	}
	if len(latency) > 0 {
		r.Mean = sum / time.Duration(len(latency))
	}
	r.Rate = float64(len(latency)) / length.Seconds()
	r.Latency, r.SendLate = quantilesOf(latency), quantilesOf(late)
	r.Served, r.Overhead = quantilesOf(served), quantilesOf(overhead)
	return r
}
