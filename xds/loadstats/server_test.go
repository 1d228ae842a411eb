package loadstats

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	lrsv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/trimtab-lb/trimtab/scorer"
)

func TestAsksOnceAndAgainWhenSomethingChanges(t *testing.T) {
	named := envoyNode("edge-1")
	named.ClientFeatures = nil
	want := &lrsv3.LoadStatsResponse{LoadReportingInterval: durationpb.New(200 * time.Millisecond), ReportEndpointGranularity: true}
	for _, tt := range []struct {
		name string
		node *corev3.Node
		all  bool
	}{
		{"all clusters", envoyNode("edge-1"), true},
		{"by name, as the node knows nothing else", named, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, conn := start(t, Options{}, Mapping{"ws": poolOf(1), "api": poolOf(1)})
			from := read(t, s, "ws")
			r := connect(t, conn, tt.node)
			first := &lrsv3.LoadStatsResponse{SendAllClusters: tt.all}
			if !tt.all {
				first.Clusters = []string{"api", "ws"}
			}
			first.LoadReportingInterval, first.ReportEndpointGranularity = want.LoadReportingInterval, true
			if diff := cmp.Diff(first, r.asked, protocmp.Transform()); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
			r.send(cluster("ws"))
			// The same clusters with another backend are no news to the data plane.
			s.SetMapping(Mapping{"ws": poolOf(2), "api": poolOf(1)})
			r.send(cluster("ws"))
			next(t, from, 2)
			s.SetMapping(Mapping{"ws": poolOf(2)})
			r.send(cluster("ws"))
			next(t, from, 2)
			if err := r.stream.CloseSend(); err != nil {
				t.Fatal(err)
			}
			var again []string
			for {
				m, err := r.stream.Recv()
				if err != nil {
					break
				}
				again = append(again, strings.Join(m.GetClusters(), " "))
			}
			wantAgain := []string{"ws"}
			if tt.all {
				wantAgain = nil
			}
			if diff := cmp.Diff(wantAgain, again); diff != "" {
				t.Errorf("asked again (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSumsOfAZoneAreNobodys(t *testing.T) {
	s, conn := start(t, Options{}, Mapping{"ws": poolOf(2)})
	from := read(t, s, "ws")
	r := connect(t, conn, envoyNode("edge-1"))
	coarse := cluster("ws", endpoint(0, counts{inProgress: 40}))
	coarse.UpstreamLocalityStats[0].UpstreamEndpointStats = nil
	for range 3 {
		r.send(coarse)
	}
	until(t, "three reports are in", func() bool { return s.Status()[0].Reports == 3 })
	if got := s.Status()[0].Unattributed; got != 1 {
		t.Errorf("%d clusters unattributed, want 1", got)
	}
	r.send(cluster("ws", endpoint(0, counts{inProgress: 4}), endpoint(1, counts{inProgress: 1})))
	r.send(cluster("ws", endpoint(0, counts{inProgress: 4}), endpoint(1, counts{inProgress: 1})))
	if got := next(t, from, 2); got["b0"].InFlight != 4 || got["b1"].InFlight != 1 {
		t.Errorf("the first reports are %+v, want those by endpoint", got)
	}
}

func TestFirstListingOfAClusterCountsForNothing(t *testing.T) {
	s, conn := start(t, Options{}, Mapping{"ws": poolOf(1)})
	from := read(t, s, "ws")
	r := connect(t, conn, envoyNode("edge-1"))
	r.send()                                                 // the cluster is not there yet
	r.send(cluster("ws", endpoint(0, counts{issued: 1000}))) // it came in the middle
	r.send(cluster("ws", endpoint(0, counts{succeeded: 1, issued: 1, inProgress: 50})))
	got := next(t, from, 1)["b0"]
	if got.InFlight != 50 || got.RPS != 5 {
		t.Errorf("%v in flight, %v/s, want those of the second listing", got.InFlight, got.RPS)
	}
}

func TestClusterThatIsLeftOut(t *testing.T) {
	s, conn := start(t, Options{}, Mapping{"ws": poolOf(1)})
	from := read(t, s, "ws")
	busy := cluster("ws", endpoint(0, counts{succeeded: 1, inProgress: 7}))

	client := envoyNode("client-1")
	client.UserAgentName = "gRPC Go"
	g := connect(t, conn, client)
	g.send(busy)
	g.send(busy)
	if got := next(t, from, 1)["b0"]; got.InFlight != 7 {
		t.Errorf("%v in flight, want 7", got.InFlight)
	}
	g.send() // idle, as gRPC has it
	if got := next(t, from, 1)["b0"]; got.InFlight != 0 || got.RPS > 0 {
		t.Errorf("%v in flight and %v/s of a client that is idle", got.InFlight, got.RPS)
	}
	g.send(busy)
	if got := next(t, from, 1)["b0"]; got.InFlight != 7 {
		t.Errorf("%v in flight after a pause, want 7", got.InFlight)
	}

	e := connect(t, conn, envoyNode("edge-1"))
	e.send(busy)
	e.send(busy)
	next(t, from, 1)
	e.send()     // the cluster is gone
	e.send(busy) // and back, in the middle of a period
	e.send(cluster("ws", endpoint(0, counts{inProgress: 8})))
	if got := next(t, from, 1)["b0"]; got.InFlight != 8 {
		t.Errorf("%v in flight, want the 8 of the first whole period", got.InFlight)
	}
}

func TestClustersOfOneServiceNameAreBounded(t *testing.T) {
	s, conn := start(t, Options{}, Mapping{"ws": poolOf(1)})
	r := connect(t, conn, envoyNode("edge-1"))
	var many []*endpointv3.ClusterStats
	for n := range 1000 {
		c := cluster(backend(n))
		c.ClusterServiceName = "ws"
		many = append(many, c)
	}
	r.send(many...)
	until(t, "the report is in", func() bool { return s.Status()[0].Reports == 1 })
	if got := s.Status()[0]; got.Clusters != spareViews+2 || got.UnknownClusters != 1000-spareViews-2 {
		t.Errorf("%d clusters taken, %d not, want %d taken", got.Clusters, got.UnknownClusters, spareViews+2)
	}
}

func TestTwoEnvoysAreSummed(t *testing.T) {
	s, conn := start(t, Options{}, Mapping{"ws": poolOf(2)})
	from := read(t, s, "ws")
	pool, err := scorer.New(scorer.Config{Name: "ws"})
	if err != nil {
		t.Fatal(err)
	}
	pool.SetBackends([]scorer.Backend{{Name: "b0"}, {Name: "b1"}})
	for i, held := range []uint64{30, 12} {
		r := connect(t, conn, envoyNode([]string{"edge-1", "edge-2"}[i]))
		r.send(cluster("ws"))
		r.send(cluster("ws", endpoint(0, counts{succeeded: 2, inProgress: held}), endpoint(1, counts{failed: 1, inProgress: 1})))
		for _, report := range next(t, from, 2) {
			if !pool.Observe(report) {
				t.Errorf("report of %s is not for the pool", report.Backend)
			}
		}
	}
	pool.Step(time.Now())
	status := pool.Step(time.Now())
	got := map[string][3]float64{}
	for _, d := range status.Decisions {
		got[d.Backend] = [3]float64{d.InFlight, d.RPS, d.EPS}
	}
	if diff := cmp.Diff(map[string][3]float64{"b0": {42, 20, 0}, "b1": {2, 10, 10}}, got, cmpopts.EquateApprox(1e-9, 0)); diff != "" {
		t.Errorf("in flight, completed and failed (-want +got):\n%s", diff)
	}
}

func TestOriginsOfOneNodeStayApart(t *testing.T) {
	s, conn := start(t, Options{}, Mapping{"ws": poolOf(1)})
	origins := func() (out []string) {
		for _, one := range s.Status() {
			out = append(out, one.Origin)
		}
		return out
	}
	first := connect(t, conn, envoyNode("edge-1"))
	connect(t, conn, envoyNode("edge-1"))
	connect(t, conn, envoyNode("edge\n\x00 3"))
	connect(t, conn, &corev3.Node{})
	connect(t, conn, &corev3.Node{Id: "edge-1", UserAgentName: "gRPC Go"})
	connect(t, conn, &corev3.Node{Id: "edge-1", UserAgentName: "grpc-java"})
	want := []string{"lrs-grpc:edge-1", "lrs-grpc:edge-1#2", "lrs:edge-1", "lrs:edge-1#2", "lrs:edge___3", "lrs:unnamed"}
	if diff := cmp.Diff(want, origins()); diff != "" {
		t.Errorf("origins (-want +got):\n%s", diff)
	}
	first.end()
	until(t, "the first stream is gone", func() bool { return len(origins()) == len(want)-1 })
	connect(t, conn, envoyNode("edge-1"))
	if diff := cmp.Diff(want, origins()); diff != "" {
		t.Errorf("origins after a reconnect (-want +got):\n%s", diff)
	}
}

func TestAStreamThatEndsTakesNothingBack(t *testing.T) {
	s, conn := start(t, Options{}, Mapping{"ws": poolOf(1)})
	from := read(t, s, "ws")
	for range 2 {
		r := connect(t, conn, envoyNode("edge-1"))
		r.send(cluster("ws", endpoint(0, counts{inProgress: 5})))
		r.send(cluster("ws", endpoint(0, counts{inProgress: 5})))
		if got := next(t, from, 1)["b0"]; got.InFlight != 5 || got.Origin != "lrs:edge-1" {
			t.Errorf("report %+v, want 5 of lrs:edge-1", got)
		}
		r.end()
		until(t, "the stream is gone", func() bool { return len(s.Status()) == 0 })
	}
	select {
	case r := <-from:
		t.Errorf("report %+v after the last stream's end", r)
	default:
	}
}

func TestMappingChangesUnderAStream(t *testing.T) {
	s, conn := start(t, Options{}, Mapping{"ws": poolOf(1)})
	from := read(t, s, "ws")
	r := connect(t, conn, envoyNode("edge-1"))
	report := cluster("ws", measured(endpoint(0, counts{inProgress: 1, succeeded: 1}), "cpu_utilization", 1, 0.5), endpoint(1, counts{inProgress: 2}))
	r.send(report)
	r.send(report)
	next(t, from, 1)
	s.SetMapping(Mapping{"ws": poolOf(2)})
	r.send(cluster("ws", endpoint(0, counts{inProgress: 1}), endpoint(1, counts{inProgress: 2})))
	got := next(t, from, 2)
	if got["b0"].InFlight != 1 || got["b1"].InFlight != 2 || got["b0"].CPU != 0.5 {
		t.Errorf("reports %+v, want both at once, and what b0 said before", got)
	}
	s.SetMapping(nil)
	r.send(report)
	until(t, "the cluster is unknown", func() bool { return s.Status()[0].UnknownClusters == 1 })
}

func TestGarbageEndsTheStream(t *testing.T) {
	for _, tt := range []struct {
		name    string
		options Options
		send    func(*reporter)
		code    codes.Code
	}{
		{"an unfinished locality", Options{}, func(r *reporter) { r.sendRaw(0x12, 4, 0x12, 2, 0x12, 9) }, codes.OK},
		{"a report that is too large", Options{MaxMessage: 100_000}, func(r *reporter) {
			c := cluster("ws")
			for n := range 5000 {
				c.UpstreamLocalityStats = append(c.UpstreamLocalityStats, cluster("ws", endpoint(n, counts{})).UpstreamLocalityStats...)
			}
			r.send(c)
		}, codes.Internal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, conn := start(t, tt.options, Mapping{"ws": poolOf(1)})
			r := connect(t, conn, envoyNode("edge-1"))
			tt.send(r)
			if tt.code == codes.OK {
				// Well-formed as far as it goes: the cluster has no name that is known.
				until(t, "the report is in", func() bool { return s.Status()[0].Reports == 1 })
				r.sendRaw(0x12, 12, 0x0a, 2, 'w', 's', 0x12, 6, 0x3a, 4, 0x0a, 9, 9, 9)
				tt.code = codes.InvalidArgument
			}
			_, err := r.stream.Recv()
			if status.Code(err) != tt.code {
				t.Errorf("error %v, want %v", err, tt.code)
			}
			until(t, "the stream is gone", func() bool { return len(s.Status()) == 0 })
		})
	}
}

// sendRaw sends fields of a LoadStatsRequest as they are.
func (r *reporter) sendRaw(raw ...byte) {
	r.t.Helper()
	m := &lrsv3.LoadStatsRequest{}
	m.ProtoReflect().SetUnknown(raw)
	if err := r.stream.Send(m); err != nil {
		r.t.Fatalf("send: %v", err)
	}
}

func TestRefuses(t *testing.T) {
	_, conn := start(t, Options{}, nil)
	open := func(node *corev3.Node) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		t.Cleanup(cancel)
		stream, err := lrsv3.NewLoadReportingServiceClient(conn).StreamLoadStats(ctx)
		if err != nil {
			t.Fatal(err)
		}
		// EOF is that the stream has ended; Recv knows why.
		if err := stream.Send(&lrsv3.LoadStatsRequest{Node: node}); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		_, err = stream.Recv()
		return err
	}
	if err := open(nil); status.Code(err) != codes.InvalidArgument {
		t.Errorf("without a node: %v", err)
	}
	for _, o := range []Options{{Interval: time.Millisecond}, {MaxMessage: -1}, {FirstRequest: -1}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}
