package resource

import (
	"bytes"
	"math"
	"slices"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Envoy is what the Envoys are served of one pool's endpoints: weights such that
// the plan's shares come true under the cluster's policy, and DRAINING for whoever
// gets no new work.
//
// DRAINING and not UNHEALTHY, as the latter counts in Envoy's panic arithmetic and
// brings the traffic back. Nobody has weight 0, which Envoy refuses. Open
// connections stay either way.
type Envoy struct {
	config    EnvoyConfig
	weigher   *weigher
	endpoints []Endpoint
	departed  []Endpoint
	order     []Endpoint
	arranger  arranger
	// assignment is of order, then departed.
	assignment *Assignment

	weights  []uint32
	draining []bool
	filler   uint32
	served   map[string]float64
	body     []byte
}

// EnvoyConfig is what an [Envoy] has to know of its pool and cluster.
type EnvoyConfig struct {
	// Pool is the pool's name, for errors.
	Pool string
	// Service is the name that Envoy subscribes to: the cluster's service_name in
	// its eds_cluster_config, or else the cluster's name.
	Service string
	// Balancing is what the cluster really has.
	Balancing Balancing
}

// NewEnvoy returns a view that has served nothing yet.
func NewEnvoy(config EnvoyConfig) (*Envoy, error) {
	w, err := newWeigher(config.Pool, config.Balancing)
	if err != nil {
		return nil, err
	}
	return &Envoy{config: config, weigher: w}, nil
}

// Adopt goes on from weights that were found at a data plane, by backend and as in
// [scorer.Share.Applied]. Call it before the first Update.
func (v *Envoy) Adopt(weights map[string]int) { v.weigher.adopt(weights) }

// Memory notes what a successor needs to serve the same.
func (v *Envoy) Memory() Memory {
	m := v.weigher.remember()
	m.Filler = v.filler
	return m
}

// Recall goes on from where a predecessor of the same balancing was: a plan that
// has not changed is then served with the same bytes. Call it before the first
// Update.
func (v *Envoy) Recall(m Memory) {
	v.weigher.recall(m)
	v.filler = m.sane().Filler
}

// Update returns what is to be served. An error names the pool and the backends
// that it is about, and changes nothing.
func (v *Envoy) Update(u Update) (Served, error) {
	if err := v.take(u.Endpoints, u.Departed); err != nil {
		return Served{}, err
	}
	if v.served == nil {
		v.served = v.weigher.adopted(&u.Plan, u.Kind)
	}
	decisions := v.arranger.arrange(&u.Plan, v.order, v.served)
	weighed, err := v.weigher.weigh(with(u.Plan, decisions), u.Kind)
	if err != nil {
		return Served{}, err
	}
	weights, draining := v.fill(decisions, weighed)
	changed := false
	if v.weights == nil || !slices.Equal(weights, v.weights) || !slices.Equal(draining, v.draining) {
		body, err := v.assignment.Encode(weights, draining)
		if err != nil {
			return Served{}, err
		}
		v.weights, v.draining = weights, draining
		if changed = v.body == nil || !bytes.Equal(body, v.body); changed {
			v.body = body
		}
	}
	inForce := v.inForce(decisions, weighed)
	v.served = remember(v.served, inForce.Shares)
	return Served{Body: v.body, Changed: changed, InForce: inForce}, nil
}

// take prepares a new assignment when the members or the departed have changed.
func (v *Envoy) take(endpoints []Endpoint, departed []Departed) error {
	stay := sorted(staying(endpoints, departed))
	if v.assignment != nil && slices.Equal(endpoints, v.endpoints) && slices.Equal(stay, v.departed) {
		return nil
	}
	order := sorted(endpoints)
	assignment, err := NewAssignment(v.config.Pool, v.config.Service, slices.Concat(order, stay))
	if err != nil {
		return err
	}
	v.endpoints, v.departed, v.order, v.assignment = endpoints, stay, order, assignment
	v.weights = nil
	return nil
}

// fill gives a weight to those that get nothing: the others' where that is equal,
// so that they do not make it unequal, else what they were given before.
func (v *Envoy) fill(decisions []scorer.Decision, weighed weighed) (weights []uint32, draining []bool) {
	weights = make([]uint32, len(v.order)+len(v.departed))
	draining = make([]bool, len(weights))
	v.filler = filler(weighed.weights, v.filler)
	for i := range weights {
		weights[i] = v.filler
		draining[i] = i >= len(decisions) || !takesWork(&decisions[i])
		if i < len(decisions) && weighed.weights[i] > 0 {
			weights[i] = uint32(weighed.weights[i])
		}
	}
	if !weighed.equal {
		v.weigher.memory.touch(weights)
	}
	return weights, draining
}

// filler is the weight that all have, or before, or without that the least one.
func filler(weights []int, before uint32) uint32 {
	low, high := math.MaxInt, 0
	for _, w := range weights {
		if w > 0 {
			low, high = min(low, w), max(high, w)
		}
	}
	switch {
	case high == 0:
		return max(before, 1)
	case low == high || before == 0:
		return uint32(low)
	default:
		return before
	}
}

func (v *Envoy) inForce(decisions []scorer.Decision, weighed weighed) scorer.InForce {
	balancing := v.weigher.balancing
	out := scorer.InForce{
		Algorithm: balancing.Algorithm(),
		Warnings:  balancing.warnings(),
		Shares:    make([]scorer.Share, len(decisions)),
	}
	for i := range decisions {
		share := scorer.Share{Backend: decisions[i].Backend, Weight: weighed.shares[i], Applied: weighed.weights[i]}
		switch {
		case !takesWork(&decisions[i]):
			share.Weight, share.Applied = 0, 0
		case len(out.Warnings) > 0:
			share.Weight, share.Note = 1, out.Warnings[0]
		case weighed.equal && v.weigher.balancing.Policy == LeastRequest && decisions[i].Weight != 1:
			share.Note = "equal to the others, from which it differs too little: Envoy balances better by two choices"
		}
		out.Shares[i] = share
	}
	return out
}
