package instance

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"

	adminv3 "github.com/envoyproxy/go-control-plane/envoy/admin/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

func (in *Instance) message(ctx context.Context, path string, into proto.Message) error {
	body, err := in.Get(ctx, path)
	if err != nil {
		return err
	}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, into); err != nil {
		return fmt.Errorf("envoy admin %s: %w", path, err)
	}
	return nil
}

// Host is one endpoint of a cluster as Envoy has it.
type Host struct {
	// Address is ip:port, or the path of a unix socket.
	Address string
	Weight  uint32
	// Health is what EDS said; [corev3.HealthStatus_HEALTHY] when it said nothing.
	Health corev3.HealthStatus
	// Requests is how many are open now, upgraded ones included, and Connections
	// how many connections to the endpoint.
	Requests, Connections int
	// Total is how many requests it has been sent.
	Total int
}

// Hosts tells what Envoy has of a cluster, in no particular order. An unknown
// cluster has none.
func (in *Instance) Hosts(ctx context.Context, cluster string) ([]Host, error) {
	var all adminv3.Clusters
	if err := in.message(ctx, "/clusters?format=json", &all); err != nil {
		return nil, err
	}
	var out []Host
	for _, c := range all.GetClusterStatuses() {
		if c.GetName() != cluster {
			continue
		}
		for _, status := range c.GetHostStatuses() {
			out = append(out, host(status))
		}
	}
	return out, nil
}

func host(status *adminv3.HostStatus) Host {
	out := Host{
		Address: status.GetAddress().GetPipe().GetPath(),
		Weight:  status.GetWeight(),
		Health:  status.GetHealthStatus().GetEdsHealthStatus(),
	}
	if s := status.GetAddress().GetSocketAddress(); s != nil {
		out.Address = net.JoinHostPort(s.GetAddress(), strconv.Itoa(int(s.GetPortValue())))
	}
	for _, stat := range status.GetStats() {
		value := int(stat.GetValue())
		switch stat.GetName() {
		case "rq_active":
			out.Requests = value
		case "cx_active":
			out.Connections = value
		case "rq_total":
			out.Total = value
		}
	}
	return out
}

// Listener is the address that the named listener is bound to.
func (in *Instance) Listener(ctx context.Context, name string) (netip.AddrPort, error) {
	var all adminv3.Listeners
	if err := in.message(ctx, "/listeners?format=json", &all); err != nil {
		return netip.AddrPort{}, err
	}
	for _, l := range all.GetListenerStatuses() {
		if l.GetName() != name {
			continue
		}
		s := l.GetLocalAddress().GetSocketAddress()
		ip, err := netip.ParseAddr(s.GetAddress())
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("envoy listener %s: %w", name, err)
		}
		return netip.AddrPortFrom(ip, uint16(s.GetPortValue())), nil
	}
	return netip.AddrPort{}, fmt.Errorf("envoy has no listener %s", name)
}

// Stats returns the counters and gauges whose whole name matches the regular
// expression in RE2's syntax.
func (in *Instance) Stats(ctx context.Context, expression string) (map[string]int64, error) {
	path := "/stats?format=json&filter=" + url.QueryEscape("^("+expression+")$")
	body, err := in.Get(ctx, path)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Stats []struct {
			Name  string `json:"name"`
			Value int64  `json:"value"`
		} `json:"stats"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("envoy admin %s: %w", path, err)
	}
	out := make(map[string]int64, len(answer.Stats))
	for _, s := range answer.Stats {
		if s.Name != "" { // histograms come as one entry without a name
			out[s.Name] = s.Value
		}
	}
	return out, nil
}
