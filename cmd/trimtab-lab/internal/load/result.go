package load

import (
	"math"
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
	// Rate is good answers per second of the window.
	Rate float64
	// Latency is of the good answers only: what fails fast is no fast answer.
	Latency Quantiles
	// SendLate is how late requests were sent.
	SendLate Quantiles
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
	P50, P99, P999, Max time.Duration
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
	return Quantiles{P50: at(0.5), P99: at(0.99), P999: at(0.999), Max: all[len(all)-1]}
}

func resultOf(all []outcome, length time.Duration) Result {
	r := Result{Requests: len(all), Histogram: newHistogram()}
	var latency, late []time.Duration
	for _, o := range all {
		if o.status != notSent && o.status != cancelled {
			late = append(late, o.late)
		}
		switch {
		case o.ok():
			latency = append(latency, o.latency)
			record(r.Histogram, o.latency)
		case o.status == notSent:
			r.Errors.NotSent++
		case o.status > 0:
			r.Errors.Status++
		default:
			r.Errors.Broken++
		}
	}
	r.Rate = float64(len(latency)) / length.Seconds()
	r.Latency, r.SendLate = quantilesOf(latency), quantilesOf(late)
	return r
}
