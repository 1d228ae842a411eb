package simulate

import (
	"fmt"
	"math"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/proto"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/xds/resource"
)

// envoyTarget gives an Envoy what it is served: the very bytes are read, so that
// nothing is judged but what a real one would get.
type envoyTarget struct {
	view   *resource.Envoy
	served map[string]int // weights by address, as last read
}

func newEnvoyTarget(s Setup) (*envoyTarget, error) {
	view, err := resource.NewEnvoy(resource.EnvoyConfig{
		Pool: s.Scenario.Name, Service: s.Scenario.Name, Balancing: s.Proxy.balancing(),
	})
	if err != nil {
		return nil, err
	}
	return &envoyTarget{view: view, served: map[string]int{}}, nil
}

func (p Proxy) balancing() resource.Balancing {
	out := resource.Balancing{Policy: resource.LeastRequest, ActiveRequestBias: math.NaN()}
	if p.Bias != nil {
		out.ActiveRequestBias = *p.Bias
	}
	if p.Algorithm == scorer.RoundRobin {
		out.Policy = resource.RoundRobin
	}
	return out
}

func (t *envoyTarget) adopt(weights map[string]int) { t.view.Adopt(weights) }

func (t *envoyTarget) apply(p scorer.Plan, members []scorer.Backend) (scorer.Rounded, scorer.InForce, error) {
	update := resource.Update{Plan: p, Kind: p.Kind}
	for _, b := range members {
		update.Endpoints = append(update.Endpoints, resource.Endpoint{Backend: b.Name, Address: b.Address, Capacity: b.Capacity})
	}
	served, err := t.view.Update(update)
	if err != nil {
		return scorer.Rounded{}, scorer.InForce{}, err
	}
	if served.Changed {
		if err := t.read(served.Body); err != nil {
			return scorer.Rounded{}, scorer.InForce{}, err
		}
	}
	addresses := make(map[string]string, len(members))
	for _, b := range members {
		addresses[b.Name] = b.Address
	}
	shares := make(map[string]float64, len(served.InForce.Shares))
	for _, s := range served.InForce.Shares {
		shares[s.Backend] = s.Weight
	}
	out := scorer.Rounded{Weights: make([]int, len(p.Decisions)), Shares: make([]float64, len(p.Decisions))}
	for k := range p.Decisions {
		name := p.Decisions[k].Backend
		out.Weights[k], out.Shares[k] = t.served[addresses[name]], shares[name]
	}
	return out, served.InForce, nil
}

// read takes the weights from what is served; who drains has none.
func (t *envoyTarget) read(body []byte) error {
	var assignment endpointv3.ClusterLoadAssignment
	if err := proto.Unmarshal(body, &assignment); err != nil {
		return fmt.Errorf("read what Envoy is served: %w", err)
	}
	clear(t.served)
	for _, locality := range assignment.GetEndpoints() {
		for _, e := range locality.GetLbEndpoints() {
			if e.GetHealthStatus() == corev3.HealthStatus_DRAINING {
				continue
			}
			at := e.GetEndpoint().GetAddress().GetSocketAddress()
			t.served[fmt.Sprintf("%s:%d", at.GetAddress(), at.GetPortValue())] = int(e.GetLoadBalancingWeight().GetValue())
		}
	}
	return nil
}

// address is where a backend would be.
func address(backend int) string {
	return fmt.Sprintf("127.0.%d.%d:8080", backend>>8, backend&0xff)
}
