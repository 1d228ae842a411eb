package loadstats

import (
	"math"
	"slices"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	lrsv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"pgregory.net/rapid"
)

// Everything that is read of a message, as plain values.
type (
	plainCluster struct {
		Name, Service string
		Interval      time.Duration
		Localities    []plainLocality
	}
	plainLocality struct {
		Counts                   counts
		SubZone                  string
		CPU, Memory, Utilization metric
		Named                    []plainMetric
		Endpoints                []plainEndpoint
	}
	plainEndpoint struct {
		Counts  counts
		Address *corev3.Address
		Named   []plainMetric
	}
	plainMetric struct {
		Name   string
		Metric metric
	}
)

// decoded reads a message with the decoder under test.
func decoded(data mem.BufferSlice, limit int) (node []byte, clusters []plainCluster, err error) {
	r := &request{limit: limit, wantNode: true}
	if err := r.UnmarshalBuffers(data); err != nil {
		return nil, nil, err
	}
	for raw := range r.clusters() {
		c, err := decodeCluster(raw)
		if err != nil {
			return nil, nil, err
		}
		plain := plainCluster{Name: string(c.name), Service: string(c.service), Interval: c.interval}
		for l, err := range c.localities() {
			if err != nil {
				return nil, nil, err
			}
			to := plainLocality{Counts: l.counts, SubZone: string(l.subZone), CPU: l.cpu, Memory: l.memory, Utilization: l.utilization}
			for m, err := range l.metrics() {
				if err != nil {
					return nil, nil, err
				}
				to.Named = append(to.Named, plainMetric{string(m.name), m.metric})
			}
			for e, err := range l.endpoints() {
				if err != nil {
					return nil, nil, err
				}
				var at *corev3.Address
				if e.address != nil {
					at = &corev3.Address{}
					if err := proto.Unmarshal(e.address, at); err != nil {
						return nil, nil, err
					}
				}
				one := plainEndpoint{Counts: e.counts, Address: at}
				for m, err := range e.metrics() {
					if err != nil {
						return nil, nil, err
					}
					one.Named = append(one.Named, plainMetric{string(m.name), m.metric})
				}
				to.Endpoints = append(to.Endpoints, one)
			}
			plain.Localities = append(plain.Localities, to)
		}
		clusters = append(clusters, plain)
	}
	return r.node, clusters, nil
}

// plain is the same of a message that protobuf has read.
func plain(m *lrsv3.LoadStatsRequest) []plainCluster {
	metrics := func(in []*endpointv3.EndpointLoadMetricStats) (out []plainMetric) {
		for _, m := range in {
			out = append(out, plainMetric{m.GetMetricName(), metric{m.GetTotalMetricValue(), m.GetNumRequestsFinishedWithMetric()}})
		}
		return out
	}
	unnamed := func(m *endpointv3.UnnamedEndpointLoadMetricStats) metric {
		return metric{m.GetTotalMetricValue(), m.GetNumRequestsFinishedWithMetric()}
	}
	var out []plainCluster
	for _, c := range m.GetClusterStats() {
		to := plainCluster{Name: c.GetClusterName(), Service: c.GetClusterServiceName(), Interval: duration(c.GetLoadReportInterval())}
		for _, l := range c.GetUpstreamLocalityStats() {
			locality := plainLocality{
				Counts:  counts{l.GetTotalSuccessfulRequests(), l.GetTotalErrorRequests(), l.GetTotalIssuedRequests(), l.GetTotalRequestsInProgress()},
				SubZone: l.GetLocality().GetSubZone(),
				CPU:     unnamed(l.GetCpuUtilization()), Memory: unnamed(l.GetMemUtilization()), Utilization: unnamed(l.GetApplicationUtilization()),
				Named: metrics(l.GetLoadMetricStats()),
			}
			for _, e := range l.GetUpstreamEndpointStats() {
				locality.Endpoints = append(locality.Endpoints, plainEndpoint{
					Counts:  counts{e.GetTotalSuccessfulRequests(), e.GetTotalErrorRequests(), e.GetTotalIssuedRequests(), e.GetTotalRequestsInProgress()},
					Address: e.GetAddress(),
					Named:   metrics(e.GetLoadMetricStats()),
				})
			}
			to.Localities = append(to.Localities, locality)
		}
		out = append(out, to)
	}
	return out
}

func duration(d *durationpb.Duration) time.Duration {
	const most = math.MaxInt64/int64(time.Second) - 3
	return time.Duration(min(max(d.GetSeconds(), -most), most))*time.Second + time.Duration(d.GetNanos())
}

func difference(want, got []plainCluster) string {
	sameBits := cmp.Comparer(func(a, b metric) bool {
		return a.requests == b.requests && math.Float64bits(a.sum) == math.Float64bits(b.sum)
	})
	return cmp.Diff(want, got, sameBits, protocmp.Transform(), cmp.AllowUnexported(counts{}), cmpopts.EquateEmpty())
}

// split cuts a message into buffers as a transport may.
func split(data []byte, at []int) mem.BufferSlice {
	slices.Sort(at)
	var out mem.BufferSlice
	begin := 0
	for _, end := range append(at, len(data)) {
		out = append(out, mem.SliceBuffer(data[begin:end]))
		begin = end
	}
	return out
}

func drawMetrics(t *rapid.T) []*endpointv3.EndpointLoadMetricStats {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) *endpointv3.EndpointLoadMetricStats {
		return &endpointv3.EndpointLoadMetricStats{
			MetricName:                    rapid.String().Draw(t, "metric"),
			NumRequestsFinishedWithMetric: rapid.Uint64().Draw(t, "requests"),
			TotalMetricValue:              rapid.Float64().Draw(t, "sum"),
		}
	}), 0, 3).Draw(t, "metrics")
}

func drawUnnamed(t *rapid.T) *endpointv3.UnnamedEndpointLoadMetricStats {
	if rapid.Bool().Draw(t, "absent") {
		return nil
	}
	return &endpointv3.UnnamedEndpointLoadMetricStats{
		NumRequestsFinishedWithMetric: rapid.Uint64().Draw(t, "requests"),
		TotalMetricValue:              rapid.Float64().Draw(t, "sum"),
	}
}

func drawLocality(t *rapid.T) *endpointv3.UpstreamLocalityStats {
	number := rapid.Uint64()
	return &endpointv3.UpstreamLocalityStats{
		Locality:                &corev3.Locality{Region: "r", Zone: "z", SubZone: rapid.String().Draw(t, "sub-zone")},
		TotalSuccessfulRequests: number.Draw(t, "ok"), TotalErrorRequests: number.Draw(t, "err"),
		TotalIssuedRequests: number.Draw(t, "issued"), TotalRequestsInProgress: number.Draw(t, "in progress"),
		CpuUtilization: drawUnnamed(t), MemUtilization: drawUnnamed(t), ApplicationUtilization: drawUnnamed(t),
		LoadMetricStats: drawMetrics(t), Priority: 3,
		UpstreamEndpointStats: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) *endpointv3.UpstreamEndpointStats {
			return &endpointv3.UpstreamEndpointStats{
				Address:                 addressProto(address(rapid.IntRange(0, 60_000).Draw(t, "address"))),
				TotalSuccessfulRequests: number.Draw(t, "ok"), TotalErrorRequests: number.Draw(t, "err"),
				TotalIssuedRequests: number.Draw(t, "issued"), TotalRequestsInProgress: number.Draw(t, "in progress"),
				LoadMetricStats: drawMetrics(t),
			}
		}), 0, 4).Draw(t, "endpoints"),
	}
}

func TestDecodesAsProtobufDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &lrsv3.LoadStatsRequest{
			Node: envoyNode(rapid.String().Draw(t, "id")),
			ClusterStats: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) *endpointv3.ClusterStats {
				return &endpointv3.ClusterStats{
					ClusterName: rapid.String().Draw(t, "cluster"), ClusterServiceName: rapid.String().Draw(t, "service"),
					LoadReportInterval:    durationpb.New(time.Duration(rapid.Int64().Draw(t, "interval"))),
					UpstreamLocalityStats: rapid.SliceOfN(rapid.Custom(drawLocality), 0, 3).Draw(t, "localities"),
					TotalDroppedRequests:  7, DroppedRequests: []*endpointv3.ClusterStats_DroppedRequests{{Category: "c", DroppedCount: 7}},
				}
			}), 0, 3).Draw(t, "clusters"),
		}
		data, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		cuts := rapid.SliceOfN(rapid.IntRange(0, len(data)), 0, 6).Draw(t, "cuts")
		rawNode, got, err := decoded(split(data, cuts), len(data))
		if err != nil {
			t.Fatal(err)
		}
		if diff := difference(plain(m), got); diff != "" {
			t.Fatalf("decoded (-protobuf +got):\n%s", diff)
		}
		node := &corev3.Node{}
		if err := proto.Unmarshal(rawNode, node); err != nil || !proto.Equal(node, m.GetNode()) {
			t.Fatalf("node %v, error %v", node.GetId(), err)
		}
	})
}

// What protobuf takes must be read the same; what it refuses must do no harm.
func FuzzDecode(f *testing.F) {
	for _, m := range []*lrsv3.LoadStatsRequest{
		{},
		{Node: &corev3.Node{Id: "edge-1"}},
		{ClusterStats: []*endpointv3.ClusterStats{cluster("ws")}},
		{ClusterStats: []*endpointv3.ClusterStats{cluster("ws", endpoint(1, counts{12, 1, 13, 0}), endpoint(2, counts{0, 0, 0, 5}))}},
		{ClusterStats: []*endpointv3.ClusterStats{localities(0.5, 1, 2)}},
	} {
		data, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, uint(len(data)/2))
	}
	f.Add([]byte{0x0b, 0x08, 0x01, 0x0c, 0x12, 0x00}, uint(1)) // a group, then an empty cluster
	f.Add([]byte{0x12, 0xff, 0xff, 0xff, 0xff, 0x0f}, uint(3)) // longer than the message
	f.Fuzz(func(t *testing.T, data []byte, cut uint) {
		_, got, err := decoded(split(data, []int{int(cut % uint(len(data)+1))}), 1<<20)
		var m lrsv3.LoadStatsRequest
		if proto.Unmarshal(data, &m) != nil {
			return
		}
		if err != nil {
			t.Fatalf("protobuf takes it, the decoder says: %v", err)
		}
		if diff := difference(plain(&m), got); diff != "" {
			t.Fatalf("decoded (-protobuf +got):\n%s", diff)
		}
	})
}

func TestDecodeAddress(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   *corev3.Address
		want string
	}{
		{"IPv4", addressProto(address(1)), "10.0.0.1:8080"},
		{"IPv6", &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
			Address: "2001:db8::1", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 1},
		}}}, "[2001:db8::1]:1"},
		{"IPv4 in IPv6", &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
			Address: "::ffff:10.0.0.1", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 2},
		}}}, "10.0.0.1:2"},
		{"a host name", &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{Address: "ws1"}}}, ""},
		{"a pipe", &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: "/run/ws1"}}}, ""},
		{"nothing", &corev3.Address{}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			raw, err := proto.Marshal(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := decodeAddress(raw)
			if ok != (tt.want != "") || (ok && got.String() != tt.want) {
				t.Errorf("%v, %v, want %q", got, ok, tt.want)
			}
		})
	}
}
