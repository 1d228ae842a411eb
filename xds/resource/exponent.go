package resource

import (
	"math"

	"github.com/trimtab-lb/trimtab/scorer"
)

const (
	// defaultBias is Envoy's active_request_bias where nothing is configured.
	defaultBias = 1
	// reportedExponent is for requests of which backends report utilization: what
	// LEAST_REQUEST makes of weights lies between their square root, with many
	// requests in flight, and the weights themselves, with few. Against the known
	// capacities as weights, p99 is 0.85 to 0.98 of theirs with it in unequal pools.
	// Without reports the law learns from what LEAST_REQUEST makes of its weights
	// and needs no correction.
	reportedExponent = 1.25
	// mostReport and fewReport are the shares of a pool's backends that must
	// report for that, and must go on to.
	mostReport = 0.5
	fewReport  = 0.4
	// settle is how many plans after a restart it counts what was reported before:
	// not all backends come back at once.
	settle = 10
)

// exponents find the power of a share that makes it come true.
type exponents struct {
	balancing Balancing
	reported  bool
	// recalled is that reported is of before a restart.
	recalled bool
}

// of returns the exponent for a plan of a pool of this kind.
func (e *exponents) of(p *scorer.Plan, kind scorer.Kind) float64 {
	if e.balancing.Policy != LeastRequest {
		return 1
	}
	if kind == scorer.KindConnections {
		// Held connections settle where weight/(active+1)^bias is level.
		return 1 + e.balancing.ActiveRequestBias
	}
	if !e.recalled || p.Seq > settle {
		e.reported = reports(p) > e.threshold()
	}
	if e.reported && p.Law != scorer.LawStatic {
		return reportedExponent
	}
	return 1
}

func (e *exponents) threshold() float64 {
	if e.reported {
		return fewReport
	}
	return mostReport
}

// reports is the share of the backends in service whose utilization is known.
func reports(p *scorer.Plan) float64 {
	var known, all float64
	for i := range p.Decisions {
		d := &p.Decisions[i]
		if !takesWork(d) {
			continue
		}
		all++
		if !math.IsNaN(d.Utilization) {
			known++
		}
	}
	return known / max(all, 1)
}

// takesWork says whether a plan lets a backend have new work. Who times pulses
// gives a plan in which the backend is ready for as long.
func takesWork(d *scorer.Decision) bool {
	switch d.State {
	case scorer.StateDraining, scorer.StateEjected, scorer.StateDown:
		return false
	default:
		return d.Weight > 0
	}
}
