package xdsclient

import (
	"net"
	"strconv"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
)

// endpoint is one of an assignment.
type endpoint struct {
	address string
	weight  uint32
	// share is the endpoint's part of the weights, 0 to 1: of new work, for whoever
	// shares by weight.
	share  float64
	health string
	// usable is that it gets new work.
	usable bool
}

// endpointsOf tells what weights come to. Where localities have weights they share
// first, and endpoints what their locality has.
func endpointsOf(a *endpointv3.ClusterLoadAssignment) []endpoint {
	byLocality := false
	for _, l := range a.GetEndpoints() {
		byLocality = byLocality || l.GetLoadBalancingWeight() != nil
	}
	var out []endpoint
	var total float64
	for _, l := range a.GetEndpoints() {
		start := len(out)
		var within float64
		for _, e := range l.GetLbEndpoints() {
			one := endpointOf(e)
			if one.usable {
				within += float64(one.weight)
			}
			out = append(out, one)
		}
		if within == 0 {
			continue
		}
		weight := within
		if byLocality {
			weight = float64(l.GetLoadBalancingWeight().GetValue()) // one without a weight gets nothing
		}
		total += weight
		for i := start; i < len(out); i++ {
			if out[i].usable {
				out[i].share = weight * float64(out[i].weight) / within
			}
			if byLocality && len(l.GetLbEndpoints()) == 1 {
				out[i].weight = l.GetLoadBalancingWeight().GetValue()
			}
		}
	}
	for i := range out {
		if total > 0 {
			out[i].share /= total
		}
	}
	return out
}

func endpointOf(e *endpointv3.LbEndpoint) endpoint {
	out := endpoint{address: addressText(e.GetEndpoint().GetAddress()), weight: 1}
	if w := e.GetLoadBalancingWeight(); w != nil {
		out.weight = w.GetValue()
	}
	health := e.GetHealthStatus()
	out.health = strings.ToLower(health.String())
	if health == corev3.HealthStatus_UNKNOWN || health == corev3.HealthStatus_HEALTHY {
		out.health, out.usable = "healthy", true
	}
	return out
}

func addressText(a *corev3.Address) string {
	if pipe := a.GetPipe(); pipe != nil {
		return "unix:" + pipe.GetPath()
	}
	s := a.GetSocketAddress()
	if s == nil {
		return "?"
	}
	return net.JoinHostPort(s.GetAddress(), strconv.FormatUint(uint64(s.GetPortValue()), 10))
}
