package resource

import (
	"fmt"
	"math"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
)

// Assignment encodes one pool's ClusterLoadAssignment for Envoy again and again.
//
// What stays (name, localities, addresses) is encoded and validated once; a
// version adds only weights and health to it, which is 25 to 30 times as fast as
// proto.Marshal of the same message. It is immutable and may be shared.
type Assignment struct {
	pool       string
	head       []byte
	backends   []string
	localities []locality
}

// locality is the endpoints of one zone.
type locality struct {
	head []byte
	// members are positions in the endpoints that NewAssignment was given.
	members []int
	// fixed holds the members' encoded LbEndpoints without health and weight, one
	// after the other; member k's ends at ends[k].
	fixed []byte
	ends  []int
}

// NewAssignment prepares the assignment of a pool to the cluster of this name.
// The endpoints are sent in the order given, by zone. The error names every
// backend that cannot be sent.
func NewAssignment(pool, cluster string, endpoints []Endpoint) (*Assignment, error) {
	addresses, err := parseAll(pool, endpoints)
	if err != nil {
		return nil, err
	}
	a := &Assignment{pool: pool, backends: make([]string, len(endpoints))}
	zones := map[string][]int{}
	var order []string
	for i := range endpoints {
		a.backends[i] = endpoints[i].Backend
		zone := endpoints[i].Zone
		if zones[zone] == nil {
			order = append(order, zone)
		}
		zones[zone] = append(zones[zone], i)
	}
	slices.Sort(order)

	message := &endpointv3.ClusterLoadAssignment{ClusterName: cluster}
	for _, zone := range order {
		l := locality{members: zones[zone]}
		group := &endpointv3.LocalityLbEndpoints{}
		if zone != "" {
			group.Locality = &corev3.Locality{Zone: zone}
		}
		if l.head, err = encodeFixed(group); err != nil {
			return nil, fmt.Errorf("pool %s: %w", pool, err)
		}
		for _, i := range l.members {
			e := lbEndpoint(addresses[i])
			group.LbEndpoints = append(group.LbEndpoints, e)
			fixed, err := encodeFixed(e)
			if err != nil {
				return nil, fmt.Errorf("pool %s: backend %q: %w", pool, endpoints[i].Backend, err)
			}
			l.fixed = append(l.fixed, fixed...)
			l.ends = append(l.ends, len(l.fixed))
		}
		message.Endpoints = append(message.Endpoints, group)
		a.localities = append(a.localities, l)
	}
	if err := message.ValidateAll(); err != nil {
		return nil, fmt.Errorf("pool %s: assignment to cluster %q: %w", pool, cluster, err)
	}
	if a.head, err = encodeFixed(&endpointv3.ClusterLoadAssignment{ClusterName: cluster}); err != nil {
		return nil, fmt.Errorf("pool %s: %w", pool, err)
	}
	return a, nil
}

// Encode returns the message with these weights, each at least 1 and in all at
// most 2^32-1 in a zone, and with these endpoints draining. Both are parallel to
// the endpoints that NewAssignment was given. The bytes belong to the caller.
func (a *Assignment) Encode(weights []uint32, draining []bool) ([]byte, error) {
	if len(weights) != len(a.backends) || len(draining) != len(a.backends) {
		return nil, fmt.Errorf("pool %s: %d weights and %d states for %d endpoints", a.pool, len(weights), len(draining), len(a.backends))
	}
	if i := slices.Index(weights, 0); i >= 0 {
		return nil, fmt.Errorf("pool %s: backend %q has weight 0: one that gets nothing has to drain", a.pool, a.backends[i])
	}
	total := len(a.head)
	sizes := make([]int, len(a.localities))
	for k := range a.localities {
		size, err := a.localities[k].size(weights, draining)
		if err != nil {
			return nil, fmt.Errorf("pool %s: %w", a.pool, err)
		}
		sizes[k] = size
		total += sizeField(size)
	}
	b := make([]byte, 0, total)
	b = append(b, a.head...)
	for k := range a.localities {
		b = appendLength(b, assignmentEndpointsTag, sizes[k])
		b = a.localities[k].append(b, weights, draining)
	}
	return b, nil
}

// size is the encoded size. Envoy takes a sum of weights that overflows as it is,
// and shares wrongly.
func (l *locality) size(weights []uint32, draining []bool) (int, error) {
	size, start := len(l.head), 0
	var sum uint64
	for k, i := range l.members {
		sum += uint64(weights[i])
		size += sizeField(sizeMember(l.ends[k]-start, weights[i], draining[i]))
		start = l.ends[k]
	}
	if sum > math.MaxUint32 {
		return 0, fmt.Errorf("weights add up to %d, more than 2^32-1", sum)
	}
	return size, nil
}

func sizeMember(fixed int, weight uint32, draining bool) int {
	size := fixed + sizeWeight(weight)
	if draining {
		size += sizeDraining
	}
	return size
}

func (l *locality) append(b []byte, weights []uint32, draining []bool) []byte {
	b = append(b, l.head...)
	start := 0
	for k, i := range l.members {
		end := l.ends[k]
		b = appendLength(b, localityEndpointsTag, sizeMember(end-start, weights[i], draining[i]))
		b = append(b, l.fixed[start:end]...)
		if draining[i] {
			b = appendDraining(b)
		}
		b = appendWeight(b, endpointWeightTag, weights[i])
		start = end
	}
	return b
}
