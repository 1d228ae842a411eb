package resource

import (
	"fmt"
	"math"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Policy is how an Envoy cluster picks an endpoint, by its name in Cluster.lb_policy.
type Policy string

const (
	// LeastRequest is two random choices while all weights are equal, else the
	// earliest deadline first over weight/(active+1)^bias. It is the default.
	LeastRequest Policy = "LEAST_REQUEST"
	// RoundRobin shares by weight.
	RoundRobin Policy = "ROUND_ROBIN"
	// Random ignores weights.
	Random Policy = "RANDOM"
	// RingHash and Maglev share the keys by weight.
	RingHash Policy = "RING_HASH"
	Maglev   Policy = "MAGLEV"
	// ClientSideWeightedRoundRobin weighs by the backends' own reports and
	// overwrites the weights that it is sent.
	ClientSideWeightedRoundRobin Policy = "CLIENT_SIDE_WEIGHTED_ROUND_ROBIN"
)

// Balancing is a cluster's policy with what changes the meaning of weights.
type Balancing struct {
	// Policy defaults to LeastRequest.
	Policy Policy
	// ActiveRequestBias is the cluster's active_request_bias, at least 0; NaN
	// is Envoy's default of 1. Only LeastRequest has it.
	ActiveRequestBias float64
}

// DefaultBalancing is Envoy's LEAST_REQUEST as it is without further settings.
func DefaultBalancing() Balancing {
	return Balancing{Policy: LeastRequest, ActiveRequestBias: math.NaN()}
}

func (b Balancing) withDefaults() (Balancing, error) {
	if b.Policy == "" {
		b.Policy = LeastRequest
	}
	if math.IsNaN(b.ActiveRequestBias) {
		b.ActiveRequestBias = defaultBias
	}
	switch b.Policy {
	case LeastRequest, RoundRobin, Random, RingHash, Maglev, ClientSideWeightedRoundRobin:
	default:
		return b, fmt.Errorf("load balancing policy %q is none of Envoy's", b.Policy)
	}
	if b.ActiveRequestBias < 0 || math.IsInf(b.ActiveRequestBias, 0) {
		return b, fmt.Errorf("active request bias %v is not a number from 0", b.ActiveRequestBias)
	}
	return b, nil
}

// Same says whether weights mean the same under both.
func (b Balancing) Same(other Balancing) bool {
	b, errB := b.withDefaults()
	other, errOther := other.withDefaults()
	return errB == nil && errOther == nil && b == other
}

// Algorithm is the policy in the words of the law.
func (b Balancing) Algorithm() scorer.Algorithm {
	switch b.Policy {
	case LeastRequest, "":
		return scorer.LeastRequest
	case Random, ClientSideWeightedRoundRobin:
		return scorer.FixedWeights
	default:
		return scorer.RoundRobin
	}
}

// warnings say why weights have no effect.
func (b Balancing) warnings() []string {
	switch b.Policy {
	case Random:
		return []string{"Envoy's RANDOM ignores weights: LEAST_REQUEST heeds them"}
	case ClientSideWeightedRoundRobin:
		return []string{"client-side weighted round robin overwrites the weights that it is sent by its own: LEAST_REQUEST heeds them"}
	default:
		return nil
	}
}
