package resource

import (
	"errors"
	"fmt"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	roundrobinv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/round_robin/v3"
	wrrlocalityv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/wrr_locality/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// GRPCService is a pool that proxyless gRPC clients dial as xds:///name.
type GRPCService struct {
	// Name is the service, and the name of its listener, route configuration,
	// cluster and endpoints.
	Name string
	// ReportLoad has the clients report their load to the server that this comes
	// from.
	ReportLoad bool
}

// Resources returns the service's cluster, listener and route configuration. Its
// endpoints are those of a [GRPC].
func (s GRPCService) Resources() ([]Resource, error) {
	if s.Name == "" {
		return nil, errors.New("grpc service: the name must not be empty")
	}
	messages, err := s.build()
	if err != nil {
		return nil, fmt.Errorf("grpc service %q: %w", s.Name, err)
	}
	var out []Resource
	for _, m := range messages {
		r, err := encode(m)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func (s GRPCService) build() ([]message, error) {
	manager, err := connectionManager(s.Name)
	if err != nil {
		return nil, err
	}
	typed, err := anypb.New(manager)
	if err != nil {
		return nil, fmt.Errorf("connection manager: %w", err)
	}
	policy, err := localityPolicy()
	if err != nil {
		return nil, err
	}
	cluster := &clusterv3.Cluster{
		Name:                 s.Name,
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
		EdsClusterConfig:     &clusterv3.Cluster_EdsClusterConfig{EdsConfig: aggregated(0)},
		LbPolicy:             clusterv3.Cluster_ROUND_ROBIN, // for clients that do not know the other
		LoadBalancingPolicy:  policy,
	}
	if s.ReportLoad {
		cluster.LrsServer = &corev3.ConfigSource{
			ConfigSourceSpecifier: &corev3.ConfigSource_Self{Self: &corev3.SelfConfigSource{}},
		}
	}
	return []message{
		cluster,
		&listenerv3.Listener{Name: s.Name, ApiListener: &listenerv3.ApiListener{ApiListener: typed}},
		route(s.Name, s.Name, &routev3.RouteAction{ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: s.Name}}),
	}, nil
}

// localityPolicy shares over localities by weight; within one there is nothing to
// choose from.
func localityPolicy() (*clusterv3.LoadBalancingPolicy, error) {
	inner, err := policyOf("envoy.load_balancing_policies.round_robin", &roundrobinv3.RoundRobin{})
	if err != nil {
		return nil, err
	}
	return policyOf("envoy.load_balancing_policies.wrr_locality", &wrrlocalityv3.WrrLocality{EndpointPickingPolicy: inner})
}
