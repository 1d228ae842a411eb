package simulate

import (
	"math"
	"slices"
	"time"
)

// Result is how a run went, after the warm-up.
type Result struct {
	// Requests arrived, or messages, or connections that did not come about.
	// Failed ended in an error or found no backend; the latter are Refused, too.
	// Unfinished never ended, because their backend stood still to the end.
	Requests, Failed, Refused, Unfinished int
	// P50 to P999 are latencies of the requests and messages that did not fail,
	// and Mean is their mean.
	Mean, P50, P90, P99, P999 time.Duration
	// Imbalance is the largest utilization over the mean of all backends that
	// take work, and ConnectionsMaxMean the like of what is in flight: means
	// over all seconds.
	Imbalance, ConnectionsMaxMean float64
	// Pushes counts the changes of single weights by the controller; pulses and
	// backends that go down or come back are none.
	Pushes int
	// PushRate is Pushes per minute and backend.
	PushRate float64
	// Weights are those in force at the end.
	Weights []int
	// Shares are the backends' shares of the requests, messages left out.
	Shares []float64
	// Convergence has an entry for each change of capacities, the warm-up's
	// included.
	Convergence []Convergence
	// Series is nil unless it was asked for.
	Series *Series
	// Events is how many events the whole run took.
	Events int
}

// ErrorShare is the share of requests that failed or never ended.
func (r *Result) ErrorShare() float64 {
	return float64(r.Failed+r.Unfinished) / float64(max(r.Requests, 1))
}

func (e *engine) finish() Result {
	r := e.result
	r.Unfinished = r.Requests - r.Failed - len(e.latencies)
	slices.Sort(e.latencies)
	sum := 0.0
	for _, l := range e.latencies {
		sum += l
	}
	if n := len(e.latencies); n > 0 {
		r.Mean = seconds(sum / float64(n))
	}
	r.P50, r.P90 = quantile(e.latencies, 0.5), quantile(e.latencies, 0.9)
	r.P99, r.P999 = quantile(e.latencies, 0.99), quantile(e.latencies, 0.999)
	r.Imbalance, r.ConnectionsMaxMean = e.gauge.imbalance.mean(), e.gauge.connections.mean()
	r.Convergence, r.Series = e.watch.events, e.series
	minutes := (e.scenario.Duration - e.scenario.Warmup).Minutes()
	r.PushRate = float64(r.Pushes) / minutes / float64(len(e.backends))
	total := 0
	for _, n := range e.requests {
		total += n
	}
	for i, w := range e.asked {
		r.Weights = append(r.Weights, int(w))
		r.Shares = append(r.Shares, float64(e.requests[i])/float64(max(total, 1)))
	}
	return r
}

// quantile is the smallest value that at least the share q does not exceed.
func quantile(sorted []float64, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return seconds(sorted[max(i, 0)])
}

func seconds(s float64) time.Duration { return time.Duration(math.Round(s * float64(time.Second))) }
