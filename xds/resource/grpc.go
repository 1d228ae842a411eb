package resource

import (
	"bytes"
	"slices"

	"github.com/trimtab-lb/trimtab/scorer"
)

// GRPC is what proxyless gRPC clients are served of one pool's endpoints: a
// locality for each, which carries its weight. Who gets no new work is left out,
// and open streams to it stay.
//
// gRPC shares calls over localities by weight and looks at nothing else.
type GRPC struct {
	pool, service string
	weigher       *weigher
	endpoints     []Endpoint
	order         []Endpoint
	arranger      arranger
	localities    *Localities

	weights []uint32
	served  map[string]float64
	body    []byte
}

// NewGRPC returns a view that has served nothing yet. service is the name that
// clients subscribe to, which is the cluster's.
func NewGRPC(pool, service string) (*GRPC, error) {
	w, err := newWeigher(pool, Balancing{Policy: RoundRobin})
	if err != nil {
		return nil, err
	}
	return &GRPC{pool: pool, service: service, weigher: w}, nil
}

// Memory notes what a successor needs to serve the same.
func (v *GRPC) Memory() Memory { return v.weigher.remember() }

// Recall goes on from where a predecessor was, like [Envoy.Recall].
func (v *GRPC) Recall(m Memory) { v.weigher.recall(m) }

// Update returns what is to be served; [Update.Departed] does not matter to gRPC
// clients. An error names the pool and the backends that it is about, and changes
// nothing.
func (v *GRPC) Update(u Update) (Served, error) {
	if v.localities == nil || !slices.Equal(u.Endpoints, v.endpoints) {
		order := sorted(u.Endpoints)
		localities, err := NewLocalities(v.pool, v.service, order)
		if err != nil {
			return Served{}, err
		}
		v.endpoints, v.order, v.localities, v.weights = u.Endpoints, order, localities, nil
	}
	if v.served == nil {
		v.served = v.weigher.adopted(&u.Plan, u.Kind)
	}
	decisions := v.arranger.arrange(&u.Plan, v.order, v.served)
	weighed, err := v.weigher.weigh(with(u.Plan, decisions), u.Kind)
	if err != nil {
		return Served{}, err
	}
	inForce := scorer.InForce{Algorithm: scorer.RoundRobin, Shares: make([]scorer.Share, len(decisions))}
	weights := make([]uint32, len(decisions))
	for i := range decisions {
		share := &inForce.Shares[i]
		share.Backend = decisions[i].Backend
		if takesWork(&decisions[i]) {
			weights[i] = uint32(weighed.weights[i])
			share.Weight, share.Applied = weighed.shares[i], weighed.weights[i]
		}
	}
	changed := false
	if v.weights == nil || !slices.Equal(weights, v.weights) {
		body, err := v.localities.Encode(weights)
		if err != nil {
			return Served{}, err
		}
		v.weights = weights
		if changed = v.body == nil || !bytes.Equal(body, v.body); changed {
			v.body = body
		}
	}
	v.served = remember(v.served, inForce.Shares)
	return Served{Body: v.body, Changed: changed, InForce: inForce}, nil
}
