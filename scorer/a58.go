package scorer

import (
	"math"
	"slices"
	"time"
)

// A58 is gRPC's weighted_round_robin (gRFC A58), to compare with and for whoever
// wants to stay with it. It weighs by what a backend does for its utilization:
//
//	weight = qps / (utilization + eps/qps · penalty)
//
// Configured capacities do not count.
type A58 struct {
	config   A58Config
	backends map[string]*a58Backend
	known    []float64
	weights  []float64
}

// a58Backend is what is known of one backend.
type a58Backend struct {
	qps, eps, utilization float64
	weight                float64
	since, last           time.Time // of the first and the newest report; zero without
}

// NewA58 returns the law without any reports.
func NewA58(config A58Config) *A58 {
	return &A58{config: config.withDefaults(), backends: map[string]*a58Backend{}}
}

// Weights implements [Law].
func (a *A58) Weights(now time.Time, in []Observation) []float64 {
	a.weights, a.known = a.weights[:0], a.known[:0]
	for i := range in {
		w := a.of(now, &in[i])
		a.weights = append(a.weights, w)
		if w > 0 && in[i].InService {
			a.known = append(a.known, w)
		}
	}
	// With fewer than two there is nothing to compare: round robin.
	missing := 1.0
	if len(a.known) >= 2 {
		missing = a.missing()
	}
	for i, w := range a.weights {
		switch {
		case len(a.known) < 2:
			a.weights[i] = 1
		case w == 0:
			a.weights[i] = missing
		}
	}
	a.forget(in)
	return a.weights
}

// of is a backend's weight, 0 while it must not be used.
func (a *A58) of(now time.Time, o *Observation) float64 {
	b := a.backends[o.Backend]
	if b == nil {
		b = &a58Backend{}
		a.backends[o.Backend] = b
	}
	if !o.InService {
		*b = a58Backend{} // the blackout begins again when it is ready again
		return 0
	}
	if o.Reported {
		b.report(now, o, &a.config)
	}
	switch {
	case b.last.IsZero():
		return 0
	case now.Sub(b.last) >= a.config.Expiry:
		*b = a58Backend{}
		return 0
	case now.Sub(b.since) < a.config.Blackout:
		return 0
	default:
		return b.weight
	}
}

// report takes a report; one that says of no work or no use is ignored.
func (b *a58Backend) report(now time.Time, o *Observation, config *A58Config) {
	qps := o.Completed + o.Failed
	if !(qps > 0) || !(o.Utilization > 0) {
		return
	}
	part := config.Smoothing
	if b.last.IsZero() {
		part, b.since = 1, now
	}
	b.last = now
	b.qps += part * (qps - b.qps)
	b.eps += part * (o.Failed - b.eps)
	b.utilization += part * (o.Utilization - b.utilization)
	b.weight = b.qps / (b.utilization + b.eps/b.qps*config.ErrorPenalty)
}

func (a *A58) missing() float64 {
	if a.config.Missing == MissingMedian {
		slices.Sort(a.known)
		return a.known[len(a.known)/2]
	}
	sum := 0.0
	for _, w := range a.known {
		sum += w
	}
	return sum / math.Max(float64(len(a.known)), 1)
}

func (a *A58) forget(in []Observation) {
	if len(a.backends) <= len(in) {
		return
	}
	present := make(map[string]bool, len(in))
	for i := range in {
		present[in[i].Backend] = true
	}
	for name := range a.backends {
		if !present[name] {
			delete(a.backends, name)
		}
	}
}
