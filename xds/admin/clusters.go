package admin

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"

	adminv3 "github.com/envoyproxy/go-control-plane/envoy/admin/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Cluster is what an Envoy has of a cluster at one moment.
type Cluster struct {
	Name string
	// StatName is its name in statistics.
	StatName string
	// MaxConnections, MaxPending and MaxRequests are the circuit breakers of
	// ordinary traffic.
	MaxConnections, MaxPending, MaxRequests uint32
	// Hosts are sorted by address, each once.
	Hosts []Host
}

// Host is one endpoint of a cluster.
type Host struct {
	// Address is ip:port, or unix:PATH.
	Address string
	// Weight is what Envoy uses, 1 where nothing is configured.
	Weight uint32
	// Condition is what Envoy makes of it: by EDS, health checks and outlier
	// detection.
	Condition scorer.Condition
	// Active is the requests and connections that are open now. The others are
	// totals since Envoy knows the host; Begun are requests that were sent to it.
	Active, Begun, Succeeded, Failed uint64
}

// Clusters looks at all clusters, by name.
func (c *Client) Clusters(ctx context.Context) ([]Cluster, error) {
	return page(ctx, c, "/clusters?format=json", decodeClusters)
}

func decodeClusters(data []byte) ([]Cluster, error) {
	var all adminv3.Clusters
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("%w: %w", errNotEnvoy, err)
	}
	var out []Cluster
	for _, status := range all.GetClusterStatuses() {
		c := Cluster{Name: status.GetName(), StatName: cmp.Or(status.GetObservabilityName(), status.GetName())}
		for _, t := range status.GetCircuitBreakers().GetThresholds() {
			if t.GetPriority() == corev3.RoutingPriority_DEFAULT {
				c.MaxConnections, c.MaxPending, c.MaxRequests = t.GetMaxConnections().GetValue(), t.GetMaxPendingRequests().GetValue(), t.GetMaxRequests().GetValue()
			}
		}
		c.Hosts = hosts(status.GetHostStatuses())
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b Cluster) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// hosts adds up what is there in several localities.
func hosts(all []*adminv3.HostStatus) []Host {
	var out []Host
	places := map[string]int{}
	for _, status := range all {
		h := host(status)
		i, again := places[h.Address]
		if !again {
			places[h.Address] = len(out)
			out = append(out, h)
			continue
		}
		out[i].Active += h.Active
		out[i].Begun += h.Begun
		out[i].Succeeded += h.Succeeded
		out[i].Failed += h.Failed
	}
	slices.SortFunc(out, func(a, b Host) int { return cmp.Compare(a.Address, b.Address) })
	return out
}

func host(status *adminv3.HostStatus) Host {
	h := Host{Address: "unix:" + status.GetAddress().GetPipe().GetPath(), Weight: max(status.GetWeight(), 1), Condition: condition(status.GetHealthStatus())}
	if s := status.GetAddress().GetSocketAddress(); s != nil {
		h.Address = net.JoinHostPort(s.GetAddress(), strconv.FormatUint(uint64(s.GetPortValue()), 10))
	}
	for _, stat := range status.GetStats() {
		switch stat.GetName() {
		case "rq_active":
			h.Active = stat.GetValue()
		case "rq_total":
			h.Begun = stat.GetValue()
		case "rq_success":
			h.Succeeded = stat.GetValue()
		case "rq_error":
			h.Failed = stat.GetValue()
		}
	}
	return h
}

func condition(h *adminv3.HostHealthStatus) scorer.Condition {
	switch h.GetEdsHealthStatus() {
	case corev3.HealthStatus_DRAINING:
		return scorer.Draining
	case corev3.HealthStatus_UNHEALTHY, corev3.HealthStatus_TIMEOUT:
		return scorer.Down
	}
	if h.GetFailedActiveHealthCheck() || h.GetFailedOutlierCheck() || h.GetPendingDynamicRemoval() {
		return scorer.Down
	}
	return scorer.Up
}
