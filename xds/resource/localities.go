package resource

import (
	"errors"
	"fmt"
	"math"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Localities encodes one pool's ClusterLoadAssignment for proxyless gRPC again
// and again. gRPC heeds endpoint weights in hardly any policy, but those of
// localities in all of them, so each endpoint is a locality of its own, with the
// backend's name as its sub-zone. It is immutable and may be shared.
type Localities struct {
	pool string
	head []byte
	// fixed are the encoded LocalityLbEndpoints without their weight.
	fixed [][]byte
}

// NewLocalities prepares the assignment of a pool to the cluster of this name.
// The error names every backend that cannot be sent.
func NewLocalities(pool, cluster string, endpoints []Endpoint) (*Localities, error) {
	addresses, err := parseAll(pool, endpoints)
	if err != nil {
		return nil, err
	}
	message := &endpointv3.ClusterLoadAssignment{ClusterName: cluster}
	l := &Localities{pool: pool}
	for i, address := range addresses {
		if strings.HasPrefix(endpoints[i].Address, "unix:") {
			err := errors.New("gRPC clients take no unix socket from a control plane")
			return nil, fmt.Errorf("pool %s: backend %q: %w", pool, endpoints[i].Backend, err)
		}
		e := lbEndpoint(address)
		e.LoadBalancingWeight = wrapperspb.UInt32(1)
		group := &endpointv3.LocalityLbEndpoints{
			Locality:    &corev3.Locality{SubZone: endpoints[i].Backend},
			LbEndpoints: []*endpointv3.LbEndpoint{e},
		}
		fixed, err := encodeFixed(group)
		if err != nil {
			return nil, fmt.Errorf("pool %s: backend %q: %w", pool, endpoints[i].Backend, err)
		}
		message.Endpoints = append(message.Endpoints, group)
		l.fixed = append(l.fixed, fixed)
	}
	if err := message.ValidateAll(); err != nil {
		return nil, fmt.Errorf("pool %s: assignment to cluster %q: %w", pool, cluster, err)
	}
	if l.head, err = encodeFixed(&endpointv3.ClusterLoadAssignment{ClusterName: cluster}); err != nil {
		return nil, fmt.Errorf("pool %s: %w", pool, err)
	}
	return l, nil
}

// Encode returns the message with these weights, in all at most 2^32-1, parallel
// to the endpoints that NewLocalities was given. A locality of weight 0 is left
// out, which is how gRPC drains. The bytes belong to the caller.
func (l *Localities) Encode(weights []uint32) ([]byte, error) {
	if len(weights) != len(l.fixed) {
		return nil, fmt.Errorf("pool %s: %d weights for %d endpoints", l.pool, len(weights), len(l.fixed))
	}
	total, sum := len(l.head), uint64(0)
	for i, weight := range weights {
		sum += uint64(weight)
		if weight > 0 {
			total += sizeField(len(l.fixed[i]) + sizeWeight(weight))
		}
	}
	if sum > math.MaxUint32 {
		return nil, fmt.Errorf("pool %s: weights add up to %d, more than 2^32-1", l.pool, sum)
	}
	b := make([]byte, 0, total)
	b = append(b, l.head...)
	for i, weight := range weights {
		if weight == 0 {
			continue
		}
		b = appendLength(b, assignmentEndpointsTag, len(l.fixed[i])+sizeWeight(weight))
		b = append(b, l.fixed[i]...)
		b = appendWeight(b, localityWeightTag, weight)
	}
	return b, nil
}
