package resource

import (
	"math"
	"slices"

	"github.com/trimtab-lb/trimtab/scorer"
)

// arranger puts plans into the order of the endpoints.
type arranger struct{ out []scorer.Decision }

// arrange fills in what a plan does not say of the endpoints, which are sorted like
// its decisions. served are the shares in force, of mean 1. The result is good until
// the next call.
func (a *arranger) arrange(p *scorer.Plan, endpoints []Endpoint, served map[string]float64) []scorer.Decision {
	mean := meanCapacity(endpoints)
	a.out = a.out[:0]
	next := 0
	for i := range endpoints {
		e := &endpoints[i]
		for next < len(p.Decisions) && p.Decisions[next].Backend < e.Backend {
			next++
		}
		known := next < len(p.Decisions) && p.Decisions[next].Backend == e.Backend
		switch {
		case known && (p.Mode != scorer.DryRun || !has(served, e.Backend)):
			// Of somebody who was served nothing yet, a dry run's first plan says what
			// is remembered of the time before.
			a.out = append(a.out, planned(p.Decisions[next]))
		case known:
			d := configured(e, mean)
			d.InFlight, d.Utilization = p.Decisions[next].InFlight, p.Decisions[next].Utilization
			a.out = append(a.out, held(d, served))
		default:
			a.out = append(a.out, held(configured(e, mean), served))
		}
	}
	failOpen(a.out, endpoints, mean)
	return a.out
}

func has(served map[string]float64, backend string) bool {
	_, ok := served[backend]
	return ok
}

// planned is a decision as it can be carried out: pulses are for who can time them.
func planned(d scorer.Decision) scorer.Decision {
	if d.State == scorer.StateEjected {
		d.Weight, d.Pulse = 0, 0
	}
	return d
}

// configured is what holds while nothing has been decided.
func configured(e *Endpoint, mean float64) scorer.Decision {
	return scorer.Decision{
		Backend: e.Backend, Weight: capacity(e) / mean, State: scorer.StateUnknown,
		InFlight: math.NaN(), Utilization: math.NaN(),
	}
}

// held keeps what an endpoint was served with.
func held(d scorer.Decision, served map[string]float64) scorer.Decision {
	if share, ok := served[d.Backend]; ok {
		d.Weight = share
		if share == 0 {
			d.State, d.Drained = scorer.StateDraining, true
		}
	}
	return d
}

// failOpen takes back who is out for failing when nobody else is left: one that
// fails is no worse than none. An operator's drain is obeyed to the last.
func failOpen(decisions []scorer.Decision, endpoints []Endpoint, mean float64) {
	if slices.ContainsFunc(decisions, func(d scorer.Decision) bool { return takesWork(&d) }) {
		return
	}
	for i := range decisions {
		d := &decisions[i]
		if d.Drained || d.State != scorer.StateEjected && d.State != scorer.StateDown {
			continue
		}
		d.State = scorer.StateUnknown
		if d.Weight == 0 {
			d.Weight = capacity(&endpoints[i]) / mean
		}
	}
}

func capacity(e *Endpoint) float64 {
	if e.Capacity > 0 && !math.IsInf(e.Capacity, 0) {
		return e.Capacity
	}
	return 1
}

func meanCapacity(endpoints []Endpoint) float64 {
	var sum float64
	for i := range endpoints {
		sum += capacity(&endpoints[i])
	}
	return sum / max(float64(len(endpoints)), 1)
}

// normalize scales shares to a mean of 1 over those above 0.
func normalize(shares []float64) {
	var sum, count float64
	for _, s := range shares {
		if s > 0 {
			sum += s
			count++
		}
	}
	for i := range shares {
		shares[i] *= count / max(sum, math.SmallestNonzeroFloat64)
	}
}

// remember keeps the shares that were served, for a dry run to hold.
func remember(served map[string]float64, shares []scorer.Share) map[string]float64 {
	if served == nil {
		served = make(map[string]float64, len(shares))
	}
	clear(served)
	for i := range shares {
		served[shares[i].Backend] = shares[i].Weight
	}
	return served
}
