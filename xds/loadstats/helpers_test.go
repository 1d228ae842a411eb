package loadstats

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	lrsv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/trimtab-lb/trimtab/scorer"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// codec is what a gRPC server of this service needs, over the default one.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2("proto")} }

func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if m, ok := v.(BufferUnmarshaler); ok {
		return m.UnmarshalBuffers(data)
	}
	return c.CodecV2.Unmarshal(data, v)
}

func serverOptions() []grpc.ServerOption {
	return append(ServerOptions(), grpc.ForceServerCodecV2(newCodec()))
}

// serveOn serves until the test ends.
func serveOn(t testing.TB, s *Server, l net.Listener) {
	t.Helper()
	wire := grpc.NewServer(serverOptions()...)
	s.Register(wire)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := wire.Serve(l); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(func() { wire.Stop(); serving.Wait() })
}

// start returns a server with a mapping and how to reach it.
func start(t testing.TB, o Options, m Mapping) (*Server, *grpc.ClientConn) {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.SetMapping(m)
	l := bufconn.Listen(1 << 20)
	serveOn(t, s, l)
	conn, err := grpc.NewClient("passthrough:///lrs",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return s, conn
}

// reporter is a data plane of our own.
type reporter struct {
	t      testing.TB
	stream grpc.BidiStreamingClient[lrsv3.LoadStatsRequest, lrsv3.LoadStatsResponse]
	end    context.CancelFunc
	asked  *lrsv3.LoadStatsResponse
	node   *corev3.Node
}

// envoyNode is a node as Envoys send it, long list of extensions included.
func envoyNode(id string) *corev3.Node {
	n := &corev3.Node{
		Id: id, Cluster: "edge", UserAgentName: "envoy",
		ClientFeatures: []string{"envoy.lb.does_not_support_overprovisioning", "envoy.lrs.supports_send_all_clusters"},
	}
	for i := range 455 {
		n.Extensions = append(n.Extensions, &corev3.Extension{
			Name: fmt.Sprintf("envoy.extensions.number_%d", i), Category: "envoy.filters.http.upstream",
			TypeUrls: []string{"type.googleapis.com/envoy.extensions.filters.http.example.v3.Example"},
		})
	}
	return n
}

// connect opens a stream and waits until it is asked to report.
func connect(t testing.TB, conn *grpc.ClientConn, node *corev3.Node) *reporter {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	t.Cleanup(cancel)
	stream, err := lrsv3.NewLoadReportingServiceClient(conn).StreamLoadStats(ctx)
	if err != nil {
		t.Fatal(err)
	}
	r := &reporter{t: t, stream: stream, end: cancel, node: node}
	r.send()
	if r.asked, err = stream.Recv(); err != nil {
		t.Fatalf("the server's first word: %v", err)
	}
	return r
}

func (r *reporter) send(clusters ...*endpointv3.ClusterStats) {
	r.t.Helper()
	if err := r.stream.Send(&lrsv3.LoadStatsRequest{Node: r.node, ClusterStats: clusters}); err != nil {
		r.t.Fatalf("send: %v", err)
	}
}

const period = 200 * time.Millisecond

// cluster is one cluster's report by endpoint.
func cluster(name string, endpoints ...*endpointv3.UpstreamEndpointStats) *endpointv3.ClusterStats {
	c := &endpointv3.ClusterStats{ClusterName: name, LoadReportInterval: durationpb.New(period)}
	if len(endpoints) == 0 {
		return c
	}
	l := &endpointv3.UpstreamLocalityStats{Locality: &corev3.Locality{}, UpstreamEndpointStats: endpoints}
	for _, e := range endpoints {
		l.TotalSuccessfulRequests += e.TotalSuccessfulRequests
		l.TotalErrorRequests += e.TotalErrorRequests
		l.TotalRequestsInProgress += e.TotalRequestsInProgress
		l.TotalIssuedRequests += e.TotalIssuedRequests
	}
	c.UpstreamLocalityStats = []*endpointv3.UpstreamLocalityStats{l}
	return c
}

func endpoint(n int, c counts) *endpointv3.UpstreamEndpointStats {
	return &endpointv3.UpstreamEndpointStats{
		Address:                 addressProto(address(n)),
		TotalSuccessfulRequests: c.succeeded, TotalErrorRequests: c.failed,
		TotalIssuedRequests: c.issued, TotalRequestsInProgress: c.inProgress,
	}
}

func address(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), 8080)
}

func addressProto(a netip.AddrPort) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: a.Addr().String(), PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(a.Port())},
	}}}
}

func backend(n int) string { return fmt.Sprintf("b%d", n) }

// poolOf maps the cluster and pool "ws" with so many backends, by address and
// by sub-zone.
func poolOf(backends int) Cluster {
	c := Cluster{Pool: "ws", Addresses: map[netip.AddrPort]string{}, SubZones: map[string]string{}}
	for n := range backends {
		c.Addresses[address(n)] = backend(n)
		c.SubZones[backend(n)] = backend(n)
	}
	return c
}

// read runs a pool's source until the test ends.
func read(t testing.TB, s *Server, pool string) <-chan scorer.Report {
	t.Helper()
	out := make(chan scorer.Report)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	joined := make(chan struct{})
	running.Go(func() {
		close(joined)
		if err := s.Reports(pool, nil).Run(ctx, out); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	<-joined
	until(t, "the source reads", func() bool {
		s.readers.mu.RLock()
		defer s.readers.mu.RUnlock()
		return len(s.readers.byPool[pool]) > 0
	})
	return out
}

// next takes one period's reports of so many backends.
func next(t testing.TB, from <-chan scorer.Report, backends int) map[string]scorer.Report {
	t.Helper()
	got := map[string]scorer.Report{}
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for len(got) < backends {
		select {
		case r := <-from:
			if _, twice := got[r.Backend]; twice {
				t.Fatalf("two reports of %s in one period", r.Backend)
			}
			got[r.Backend] = r
		case <-timeout.C:
			t.Fatalf("%d reports within %s, want %d", len(got), patience, backends)
		}
	}
	return got
}

// until polls for what must become true.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-timeout.C:
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}
