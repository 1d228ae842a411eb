package discovery

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	sotwclient "github.com/envoyproxy/go-control-plane/pkg/client/sotw/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

func TestEveryServiceOverTCP(t *testing.T) {
	s := newServer(t, nil)
	publish(t, s, everything("1")...)
	conn := connect(t, serve(t, s))
	for _, test := range []struct{ service, resource, typeURL, name string }{
		{"cluster.v3.ClusterDiscoveryService", "Clusters", clusterType, "c"},
		{"endpoint.v3.EndpointDiscoveryService", "Endpoints", endpointType, "e"},
		{"listener.v3.ListenerDiscoveryService", "Listeners", listenerType, "l"},
		{"route.v3.RouteDiscoveryService", "Routes", routeType, "r"},
		{"discovery.v3.AggregatedDiscoveryService", "AggregatedResources", routeType, "r"},
	} {
		for _, protocol := range []string{"Stream", "Delta"} {
			t.Run(test.service+"/"+protocol, func(t *testing.T) {
				r := open(t, conn, method(test.service, protocol+test.resource))
				r.t = t
				typeURL := test.typeURL
				if test.resource != "AggregatedResources" {
					typeURL = "" // goes without saying
				}
				r.first(t.Name(), typeURL, test.name)
				got := r.receive()
				if want := shortType(test.typeURL) + " " + test.name + "@1"; got.String() != want {
					t.Errorf("response %q, want %q", got, want)
				}
				r.ack(got, test.name)
				await(t, "the ACK", func() bool {
					nodes := s.Nodes()
					at := slices.IndexFunc(nodes, func(n NodeStatus) bool { return n.ID == t.Name() })
					return at >= 0 && nodes[at].Types[0].Acked == got.version
				})
				if err := r.stream.CloseSend(); err != nil {
					t.Fatal(err)
				}
				r.ends(codes.OK)
			})
		}
	}
}

func TestStreamsThatAreRefused(t *testing.T) {
	limited := func(o *Options) {
		o.MaxResourceNames, o.MaxRequestBytes = 10, 10_000
		o.Admit = func(_ context.Context, n *corev3.Node) error {
			if n.Id == "secret" {
				return errors.New("wrong certificate")
			}
			return nil
		}
		o.View = func(n *corev3.Node) string {
			if n.Id == "nowhere" {
				return ""
			}
			return testView
		}
	}
	s := newServer(t, limited)
	publish(t, s, everything("1")...)
	conn := connect(t, serve(t, s))
	many := make([]string, 11)
	for n := range many {
		many[n] = fmt.Sprint("name-", n)
	}
	versions := map[string]string{}
	for _, name := range many {
		versions[name] = "1"
	}
	long := []string{strings.Repeat("x", maxNameBytes+1)}
	for _, test := range []struct {
		name  string
		delta bool
		send  func(r *raw)
		code  codes.Code
	}{
		{"garbage", false, func(r *raw) { r.sendBytes([]byte("\xff\xff\xff\xff")) }, codes.InvalidArgument},
		{"garbage delta", true, func(r *raw) { r.sendBytes([]byte("\x0a\xff")) }, codes.InvalidArgument},
		{"garbage node", false, func(r *raw) { r.sendBytes([]byte("\x12\x02\x0a\xff")) }, codes.InvalidArgument},
		{"garbage later", false, func(r *raw) { r.first("n1", endpointType, "e"); r.sendBytes([]byte("\x1a\x01\xff")) }, codes.InvalidArgument},
		{"no node", false, func(r *raw) { r.send(&discoveryv3.DiscoveryRequest{TypeUrl: clusterType}) }, codes.InvalidArgument},
		{"long node id", false, func(r *raw) { r.first(strings.Repeat("n", 257), clusterType) }, codes.InvalidArgument},
		{"no type", true, func(r *raw) { r.first("n1", "") }, codes.InvalidArgument},
		{"not admitted", false, func(r *raw) { r.first("secret", clusterType) }, codes.PermissionDenied},
		{"no view", false, func(r *raw) { r.first("nowhere", clusterType) }, codes.PermissionDenied},
		{"names", false, func(r *raw) { r.first("n1", endpointType, many...) }, codes.ResourceExhausted},
		{"names delta", true, func(r *raw) { r.first("n1", endpointType, many...) }, codes.ResourceExhausted},
		{"names by and by", true, func(r *raw) { r.first("n1", endpointType, many[:6]...); r.first("n1", endpointType, many[5:]...) }, codes.ResourceExhausted},
		{"names of several types", true, func(r *raw) { r.first("n1", endpointType, many[:6]...); r.first("n1", routeType, many[:5]...) }, codes.ResourceExhausted},
		{"versions", true, func(r *raw) {
			r.send(&discoveryv3.DeltaDiscoveryRequest{Node: node("n1"), TypeUrl: clusterType, InitialResourceVersions: versions})
		}, codes.ResourceExhausted},
		{"long name", false, func(r *raw) { r.first("n1", endpointType, long...) }, codes.InvalidArgument},
		{"long name delta", true, func(r *raw) { r.first("n1", endpointType, long...) }, codes.InvalidArgument},
		{"large request", false, func(r *raw) { r.sendBytes(make([]byte, 10_001)) }, codes.ResourceExhausted},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := open(t, conn, adsMethod(test.delta))
			r.t = t
			test.send(r)
			r.ends(test.code)
		})
	}
	t.Run("another type", func(t *testing.T) {
		r := open(t, conn, method("cluster.v3.ClusterDiscoveryService", "StreamClusters"))
		r.first("n1", endpointType)
		r.ends(codes.InvalidArgument)
	})
}

// It has a server of its own: the others' streams may take longer than this to begin.
func TestSilentStreamsAreEnded(t *testing.T) {
	s := newServer(t, func(o *Options) { o.FirstRequest = 50 * time.Millisecond })
	publish(t, s, everything("1")...)
	open(t, connect(t, serve(t, s)), adsMethod(true)).ends(codes.DeadlineExceeded)
}

// A type that is not served is no reason to end a stream that carries others.
func TestUnknownTypeOnAggregatedStream(t *testing.T) {
	both(t, func(t *testing.T, delta bool) {
		s := newServer(t, nil)
		publish(t, s, everything("1")...)
		r := open(t, connect(t, serve(t, s)), adsMethod(delta))
		r.first("n1", "type.googleapis.com/envoy.service.runtime.v3.Runtime")
		r.first("n1", clusterType)
		if got := r.receive().String(); got != "CDS c@1" {
			t.Errorf("response %q", got)
		}
		if c := s.Counters(); c.Unknown != 1 {
			t.Errorf("counters %+v", c)
		}
	})
}

func TestShutdownEndsStreams(t *testing.T) {
	s := newServer(t, nil)
	publish(t, s, everything("1")...)
	conn := connect(t, serve(t, s))
	r := open(t, conn, adsMethod(true))
	r.first("n1", clusterType)
	r.receive()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	r.ends(codes.Unavailable)
	open(t, conn, adsMethod(true)).ends(codes.Unavailable)
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

func TestTenThousandNames(t *testing.T) {
	both(t, func(t *testing.T, delta bool) {
		const count = 10_000
		names := make([]string, count)
		resources := make([]Resource, count)
		for n := range names {
			names[n] = fmt.Sprintf("cluster-%05d", n)
			resources[n] = res(names[n], "1")
		}
		s := newServer(t, nil)
		publish(t, s, change(endpointType, resources...))
		r := open(t, connect(t, serve(t, s)), adsMethod(delta))
		r.first("n1", endpointType, names...)
		all := r.receive()
		if len(all.bodies) != count {
			t.Fatalf("%d resources", len(all.bodies))
		}
		r.ack(all, names...)
		publish(t, s, change(endpointType, res(names[77], "2")))
		if got := r.receive().String(); got != "EDS "+names[77]+"@2" {
			t.Errorf("response %q", got)
		}
		if n := s.Nodes()[0].Types[0]; n.Subscribed != count {
			t.Errorf("status %+v", n)
		}
	})
}

// A client that does not read holds up nobody, and what waits for it does not grow.
func TestClientThatNeverReads(t *testing.T) {
	both(t, func(t *testing.T, delta bool) {
		s := newServer(t, nil)
		body := func(version int) Resource {
			r := res("a", fmt.Sprint(version))
			r.Body = append(r.Body, make([]byte, 1<<20)...)
			return r
		}
		publish(t, s, change(endpointType, body(0)))
		address := serve(t, s)
		for n := range 3 {
			deaf := open(t, connect(t, address), adsMethod(delta))
			deaf.first(fmt.Sprint("deaf-", n), endpointType, "a")
		}
		await(t, "the first response to all", func() bool { return s.Counters().Types[endpointType].Responses == 3 })
		r := open(t, connect(t, address), adsMethod(delta))
		r.first("n1", endpointType, "a")
		got := r.receive()
		heap := func() uint64 {
			runtime.GC()
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		var before uint64
		for version := range 40 {
			if version == 5 {
				before = heap()
			}
			r.ack(got, "a")
			publish(t, s, change(endpointType, body(version+1)))
			got = r.receive()
			if want := fmt.Sprintf("a@%d", version+1); !strings.HasPrefix(got.bodies["a"], want) {
				t.Fatalf("got %.10q, want %q", got.bodies["a"], want)
			}
		}
		if after := heap(); after > before+8<<20 {
			t.Errorf("memory grew from %d to %d kB in 35 versions", before>>10, after>>10)
		}
		if c := s.Counters().Types[endpointType]; c.Responses != 3+41 {
			t.Errorf("%d responses, want one to each that does not read and 41", c.Responses)
		}
	})
}

func TestNodeTable(t *testing.T) {
	s := newServer(t, func(o *Options) { o.Identifier = "trimtab-1" })
	publish(t, s, everything("1")...)
	address := serve(t, s)
	conn := connect(t, address)
	began := time.Now()
	r := open(t, conn, adsMethod(false))
	r.send(&discoveryv3.DiscoveryRequest{
		Node: &corev3.Node{
			Id: "edge-1", Cluster: "edge", UserAgentName: "envoy",
			UserAgentVersionType: &corev3.Node_UserAgentVersion{UserAgentVersion: "1.40.0"},
		},
		TypeUrl: clusterType,
	})
	var message []byte
	if err := r.stream.RecvMsg(&message); err != nil {
		t.Fatal(err)
	}
	var full discoveryv3.DiscoveryResponse
	if err := proto.Unmarshal(message, &full); err != nil {
		t.Fatal(err)
	}
	if full.ControlPlane.GetIdentifier() != "trimtab-1" {
		t.Errorf("control plane %v", full.ControlPlane)
	}
	r.send(&discoveryv3.DiscoveryRequest{TypeUrl: clusterType, ResponseNonce: full.Nonce, ErrorDetail: rejection("bad\ncluster")})
	e := open(t, conn, method("endpoint.v3.EndpointDiscoveryService", "DeltaEndpoints"))
	e.first("edge-1", endpointType, "e", "none")
	e.receive()
	await(t, "the NACK", func() bool {
		nodes := s.Nodes()
		return len(nodes) == 1 && len(nodes[0].Types) == 2 && nodes[0].Types[0].Rejected != nil
	})
	got := s.Nodes()
	for n := range got[0].Types {
		if got[0].Types[n].Requested.Before(began) {
			t.Error("requested before it began")
		}
		got[0].Types[n].Requested = time.Time{}
	}
	eds := got[0].Types[1].Sent
	want := []NodeStatus{{
		ID: "edge-1", Cluster: "edge", UserAgent: "envoy 1.40.0", View: testView,
		Peer: got[0].Peer, Connected: got[0].Connected,
		Types: []TypeStatus{
			{TypeURL: clusterType, Stream: 1, Wildcard: true, Sent: full.VersionInfo, Rejected: &Rejection{
				At: got[0].Types[0].Rejected.At, Version: full.VersionInfo, Error: "bad cluster",
			}},
			{TypeURL: endpointType, Stream: 2, Delta: true, Subscribed: 2, Sent: eds, InFlight: true, Due: true},
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !strings.HasPrefix(got[0].Peer, "127.0.0.1:") || got[0].Connected.Before(began) {
		t.Errorf("peer %q, connected %v", got[0].Peer, got[0].Connected)
	}
}

// The client of go-control-plane understands the server.
func TestGoControlPlaneClient(t *testing.T) {
	s := newServer(t, nil)
	publish(t, s, change(clusterType, res("a", "1"), res("b", "1")))
	conn := connect(t, serve(t, s))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := sotwclient.NewADSClient(ctx, node("gcp"), clusterType)
	if err := c.InitConnect(conn); err != nil {
		t.Fatal(err)
	}
	fetch := func(want ...string) {
		t.Helper()
		response, err := c.Fetch()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range response.Resources {
			got = append(got, string(r.Value))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	fetch("a@1", "b@1")
	if err := c.Ack(); err != nil {
		t.Fatal(err)
	}
	publish(t, s, change(clusterType, res("a", "2")))
	fetch("a@2", "b@1")
	if err := c.Nack("no"); err != nil {
		t.Fatal(err)
	}
	await(t, "the NACK", func() bool { return s.Counters().Types[clusterType].Nacks == 1 })
	publish(t, s, change(clusterType, res("a", "3")))
	fetch("a@3", "b@1")
	if err := c.Ack(); err != nil {
		t.Fatal(err)
	}
}
