package resource

import (
	"errors"
	"fmt"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	leastrequestv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/least_request/v3"
	"github.com/trimtab-lb/trimtab/scorer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

func (c ClusterConfig) balance(cluster *clusterv3.Cluster) error {
	switch policy := c.Balancing().Policy; policy {
	case LeastRequest:
		return c.leastRequest(cluster)
	case RoundRobin, RingHash, Maglev:
		cluster.LbPolicy = clusterv3.Cluster_LbPolicy(clusterv3.Cluster_LbPolicy_value[string(policy)])
		return nil
	case Random, ClientSideWeightedRoundRobin:
		return errors.New(Balancing{Policy: policy}.warnings()[0])
	default:
		return fmt.Errorf("load balancing policy %q is none of Envoy's", policy)
	}
}

// biasKey is where a person may change a cluster's bias without trimtab.
func biasKey(cluster string) string { return "upstream." + cluster + ".active_request_bias" }

// leastRequest uses the older form where it can say what is wanted: people know it
// from their own configurations.
func (c ClusterConfig) leastRequest(cluster *clusterv3.Cluster) error {
	cluster.LbPolicy = clusterv3.Cluster_LEAST_REQUEST
	var bias *corev3.RuntimeDouble
	if c.ActiveRequestBias != nil {
		bias = &corev3.RuntimeDouble{DefaultValue: *c.ActiveRequestBias, RuntimeKey: biasKey(c.Name)}
	}
	if c.Kind != scorer.KindConnections {
		if bias != nil {
			cluster.LbConfig = &clusterv3.Cluster_LeastRequestLbConfig_{
				LeastRequestLbConfig: &clusterv3.Cluster_LeastRequestLbConfig{ActiveRequestBias: bias},
			}
		}
		return nil
	}
	policy, err := policyOf("envoy.load_balancing_policies.least_request",
		&leastrequestv3.LeastRequest{SelectionMethod: leastrequestv3.LeastRequest_FULL_SCAN, ActiveRequestBias: bias})
	cluster.LoadBalancingPolicy = policy
	return err
}

func policyOf(name string, options proto.Message) (*clusterv3.LoadBalancingPolicy, error) {
	typed, err := anypb.New(options)
	if err != nil {
		return nil, fmt.Errorf("policy %s: %w", name, err)
	}
	return &clusterv3.LoadBalancingPolicy{Policies: []*clusterv3.LoadBalancingPolicy_Policy{{
		TypedExtensionConfig: &corev3.TypedExtensionConfig{Name: name, TypedConfig: typed},
	}}}, nil
}
