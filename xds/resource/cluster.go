package resource

import (
	"errors"
	"fmt"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"github.com/trimtab-lb/trimtab/scorer"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	connectTimeout = time.Second
	// fetchTimeout is how long Envoy waits for endpoints before it serves without,
	// at its start and after each change of the cluster. Its own default is 15 s.
	fetchTimeout = 2 * time.Second
	// openAtOnce replaces circuit breakers of 1,024 each, beyond which Envoy leaves
	// WebSockets waiting without an answer.
	openAtOnce = 1_000_000
)

// ClusterConfig is an Envoy cluster that trimtab serves.
type ClusterConfig struct {
	// Name is the cluster's, and the name of its endpoints.
	Name string
	// Kind is what the pool serves. For connections, the cluster takes the least
	// loaded of all endpoints while weights are equal, not of two.
	Kind scorer.Kind
	// Policy defaults to LeastRequest; Random and ClientSideWeightedRoundRobin are
	// refused, as no weight would have an effect.
	Policy Policy
	// ActiveRequestBias is LeastRequest's; nil is Envoy's default of 1.
	ActiveRequestBias *float64
	// HealthCheck, when not nil, has Envoy try a TCP connection to every endpoint.
	HealthCheck *HealthCheck
	// CloseOnFailure closes the open connections of an endpoint that fails its
	// health check. It works only for TCP listeners and needs a HealthCheck; no
	// health that comes from the control plane closes anything.
	CloseOnFailure bool
	// ReportMetrics names the ORCA metrics of answers that Envoy passes on in its
	// load reports, for example "application_utilization" or "named_metrics.*".
	ReportMetrics []string
}

// HealthCheck is Envoy's own check of every endpoint.
type HealthCheck struct {
	// Interval and Timeout default to 1 s; after 2 failures in a row an endpoint
	// is out, after 1 success it is in.
	Interval, Timeout time.Duration
}

// Cluster returns the cluster, with endpoints from the same stream (ADS). Weights
// take effect as soon as they come, and slow start is the plan's: Envoy's is off.
//
// Serve it again only when it differs: Envoy makes new hosts of all endpoints,
// which count from 0 while their connections live on, and waits for the endpoints
// to be sent again.
func (c ClusterConfig) Cluster() (Resource, error) {
	cluster, err := c.build()
	if err != nil {
		return Resource{}, fmt.Errorf("cluster %q: %w", c.Name, err)
	}
	return encode(cluster)
}

// Balancing is what weights mean to this cluster.
func (c ClusterConfig) Balancing() Balancing {
	b := DefaultBalancing()
	if c.Policy != "" {
		b.Policy = c.Policy
	}
	if c.ActiveRequestBias != nil {
		b.ActiveRequestBias = *c.ActiveRequestBias
	}
	return b
}

func (c ClusterConfig) build() (*clusterv3.Cluster, error) {
	cluster := &clusterv3.Cluster{
		Name:                 c.Name,
		ConnectTimeout:       durationpb.New(connectTimeout),
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
		EdsClusterConfig:     &clusterv3.Cluster_EdsClusterConfig{EdsConfig: aggregated(fetchTimeout)},
		CircuitBreakers:      raised(),
		CommonLbConfig: &clusterv3.Cluster_CommonLbConfig{
			// Up to Envoy 1.39 a drain would wait a second for the window to close.
			UpdateMergeWindow: durationpb.New(0),
		},
		LrsReportEndpointMetrics: c.ReportMetrics,
	}
	if err := c.balance(cluster); err != nil {
		return nil, err
	}
	if c.HealthCheck == nil {
		if c.CloseOnFailure {
			return nil, errors.New("closing connections on failure needs a health check: nothing else closes them")
		}
		// Nothing but an order can take an endpoint out, so the last one's is obeyed,
		// too, instead of being taken for a mistake of health checks.
		cluster.CommonLbConfig.HealthyPanicThreshold = &typev3.Percent{Value: 0}
		return cluster, nil
	}
	cluster.HealthChecks = []*corev3.HealthCheck{c.HealthCheck.build()}
	// The control plane keeps who still holds connections; who is removed is gone.
	cluster.IgnoreHealthOnHostRemoval = true
	cluster.CloseConnectionsOnHostHealthFailure = c.CloseOnFailure
	return cluster, nil
}

func (h *HealthCheck) build() *corev3.HealthCheck {
	orDefault := func(d time.Duration) *durationpb.Duration {
		if d <= 0 {
			d = time.Second
		}
		return durationpb.New(d)
	}
	return &corev3.HealthCheck{
		Interval: orDefault(h.Interval), Timeout: orDefault(h.Timeout),
		// Its default of a minute would also put off the first check after the
		// cluster's first connection.
		NoTrafficInterval:  orDefault(h.Interval),
		UnhealthyThreshold: wrapperspb.UInt32(2), HealthyThreshold: wrapperspb.UInt32(1),
		HealthChecker: &corev3.HealthCheck_TcpHealthCheck_{TcpHealthCheck: &corev3.HealthCheck_TcpHealthCheck{}},
	}
}

func raised() *clusterv3.CircuitBreakers {
	threshold := func(p corev3.RoutingPriority) *clusterv3.CircuitBreakers_Thresholds {
		return &clusterv3.CircuitBreakers_Thresholds{
			Priority:           p,
			MaxConnections:     wrapperspb.UInt32(openAtOnce),
			MaxPendingRequests: wrapperspb.UInt32(openAtOnce),
			MaxRequests:        wrapperspb.UInt32(openAtOnce),
		}
	}
	return &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{
		threshold(corev3.RoutingPriority_DEFAULT), threshold(corev3.RoutingPriority_HIGH),
	}}
}

// aggregated is a source on the stream that the asking resource came by.
func aggregated(wait time.Duration) *corev3.ConfigSource {
	source := &corev3.ConfigSource{
		ResourceApiVersion:    corev3.ApiVersion_V3,
		ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
	}
	if wait > 0 {
		source.InitialFetchTimeout = durationpb.New(wait)
	}
	return source
}
