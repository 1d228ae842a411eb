package loadstats

import (
	"context"
	"math"
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
		name    string
		options Options
		node    *corev3.Node
		all     bool
	}{
		{"all clusters", Options{}, envoyNode("edge-1"), true},
		{"by name, as configured", Options{ByName: true}, envoyNode("edge-1"), false},
		{"by name, as the node knows nothing else", Options{}, named, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, conn := start(t, tt.options, Mapping{"ws": poolOf(1), "api": poolOf(1)})
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

// want is the report of a backend without what nobody said.
func want(n int, edit func(*scorer.Report)) scorer.Report {
	r := scorer.NewReport(backend(n), "lrs:edge-1", time.Time{})
	r.ByProxy, r.Interval, r.InFlight, r.RPS, r.EPS = true, period, 0, 0, 0
	edit(&r)
	return r
}

func idle(*scorer.Report) {}

// sameReports compares but for the time.
func sameReports(want, got map[string]scorer.Report) string {
	return cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.IgnoreFields(scorer.Report{}, "At"), cmpopts.EquateApprox(1e-9, 0))
}

// localities is a gRPC client's report of so many requests in progress in the
// localities of b0, b1 and so on.
func localities(utilization float64, inProgress ...uint64) *endpointv3.ClusterStats {
	c := &endpointv3.ClusterStats{ClusterName: "ws", LoadReportInterval: durationpb.New(period)}
	for n, open := range inProgress {
		c.UpstreamLocalityStats = append(c.UpstreamLocalityStats, &endpointv3.UpstreamLocalityStats{
			Locality:                &corev3.Locality{Region: "r", Zone: "z", SubZone: backend(n)},
			TotalRequestsInProgress: open, TotalSuccessfulRequests: 4, TotalIssuedRequests: 4,
			ApplicationUtilization: &endpointv3.UnnamedEndpointLoadMetricStats{NumRequestsFinishedWithMetric: 4, TotalMetricValue: 4 * utilization},
			CpuUtilization:         &endpointv3.UnnamedEndpointLoadMetricStats{NumRequestsFinishedWithMetric: 4},
			LoadMetricStats:        []*endpointv3.EndpointLoadMetricStats{{MetricName: "conns", NumRequestsFinishedWithMetric: 2, TotalMetricValue: 14}},
		})
	}
	return c
}

func measured(e *endpointv3.UpstreamEndpointStats, name string, requests uint64, sum float64) *endpointv3.UpstreamEndpointStats {
	e.LoadMetricStats = append(e.LoadMetricStats, &endpointv3.EndpointLoadMetricStats{
		MetricName: name, NumRequestsFinishedWithMetric: requests, TotalMetricValue: sum,
	})
	return e
}

func TestReports(t *testing.T) {
	gauge := func(c *endpointv3.ClusterStats, service string) *endpointv3.ClusterStats {
		c.ClusterServiceName = service
		return c
	}
	interval := func(c *endpointv3.ClusterStats, d time.Duration) *endpointv3.ClusterStats {
		c.LoadReportInterval = durationpb.New(d)
		return c
	}
	utilization := measured(endpoint(0, counts{succeeded: 4, issued: 4}), "application_utilization", 4, 2.4)
	measured(utilization, "cpu_utilization", 4, 0)
	measured(utilization, "mem_utilization", 4, 320)
	measured(utilization, "named_metrics.conns", 2, 14)
	measured(utilization, "utilization.disk", 4, 1)
	measured(utilization, "rps_fractional", 4, 400)
	for _, tt := range []struct {
		name    string
		mapping Mapping
		// before is the report before the one that counts, after the first.
		before, report []*endpointv3.ClusterStats
		want           []scorer.Report
		status         Stream
	}{
		{
			name: "requests and errors",
			report: []*endpointv3.ClusterStats{cluster("ws",
				endpoint(0, counts{succeeded: 12, issued: 12}),
				endpoint(1, counts{succeeded: 2, failed: 6, issued: 9, inProgress: 3}))},
			want: []scorer.Report{
				want(0, func(r *scorer.Report) { r.RPS = 60 }),
				want(1, func(r *scorer.Report) { r.RPS, r.EPS, r.InFlight = 40, 30, 3 }),
			},
		},
		{
			name:   "WebSockets held, and a backend that is absent counts zero",
			report: []*endpointv3.ClusterStats{cluster("ws", endpoint(1, counts{inProgress: 5}))},
			want:   []scorer.Report{want(0, idle), want(1, func(r *scorer.Report) { r.InFlight = 5 })},
		},
		{
			name:   "nothing anywhere",
			report: []*endpointv3.ClusterStats{cluster("ws")},
			want:   []scorer.Report{want(0, idle), want(1, idle)},
		},
		{
			name:   "TCP, where nothing succeeds or fails, tells what is over by what is open",
			before: []*endpointv3.ClusterStats{cluster("ws", endpoint(0, counts{issued: 10, inProgress: 10}))},
			report: []*endpointv3.ClusterStats{cluster("ws", endpoint(0, counts{issued: 1, inProgress: 7}))},
			want: []scorer.Report{
				want(0, func(r *scorer.Report) { r.InFlight, r.RPS, r.Upgrades = 7, 20, 20 }),
				want(1, idle),
			},
		},
		{
			name:   "what backends say of themselves",
			report: []*endpointv3.ClusterStats{cluster("ws", utilization)},
			want: []scorer.Report{want(0, func(r *scorer.Report) {
				r.RPS, r.Utilization = 20, 0.6
				r.Named = map[string]float64{"conns": 7, "utilization.disk": 0.25}
			}), want(1, idle)},
			status: Stream{Implausible: 1},
		},
		{
			name:   "what they said is repeated while no request ends",
			before: []*endpointv3.ClusterStats{cluster("ws", measured(endpoint(0, counts{succeeded: 1}), "cpu_utilization", 1, 0.5))},
			report: []*endpointv3.ClusterStats{cluster("ws")},
			want:   []scorer.Report{want(0, func(r *scorer.Report) { r.CPU = 0.5 }), want(1, idle)},
		},
		{
			name:   "gRPC clients report by locality",
			report: []*endpointv3.ClusterStats{localities(0.6, 3, 1)},
			want: []scorer.Report{
				want(0, func(r *scorer.Report) {
					r.InFlight, r.RPS, r.Utilization, r.Named = 3, 20, 0.6, map[string]float64{"conns": 7}
				}),
				want(1, func(r *scorer.Report) {
					r.InFlight, r.RPS, r.Utilization, r.Named = 1, 20, 0.6, map[string]float64{"conns": 7}
				}),
			},
		},
		{
			name:    "by its EDS service name",
			mapping: Mapping{"ws": poolOf(2)},
			report:  []*endpointv3.ClusterStats{gauge(cluster("backend-ws", endpoint(1, counts{inProgress: 5})), "ws")},
			want:    []scorer.Report{want(0, idle), want(1, func(r *scorer.Report) { r.InFlight = 5 })},
		},
		{
			name:    "two clusters of one pool add up",
			mapping: Mapping{"ws": poolOf(2), "ws-admin": poolOf(2)},
			report: []*endpointv3.ClusterStats{
				cluster("ws", endpoint(0, counts{succeeded: 2, inProgress: 5})),
				cluster("ws-admin", endpoint(0, counts{succeeded: 1, inProgress: 1}), endpoint(1, counts{failed: 1})),
			},
			want: []scorer.Report{
				want(0, func(r *scorer.Report) { r.InFlight, r.RPS = 6, 15 }),
				want(1, func(r *scorer.Report) { r.RPS, r.EPS = 5, 5 }),
			},
			status: Stream{Clusters: 2},
		},
		{
			name: "what is not in the mapping is left out",
			report: []*endpointv3.ClusterStats{
				cluster("xds", endpoint(9, counts{inProgress: 2})),
				cluster("ws", endpoint(0, counts{inProgress: 1}), endpoint(7, counts{inProgress: 100})),
			},
			want:   []scorer.Report{want(0, func(r *scorer.Report) { r.InFlight = 1 }), want(1, idle)},
			status: Stream{UnknownClusters: 1, UnknownEndpoints: 1},
		},
		{
			name:   "a period that cannot be true gives way to the time between reports",
			report: []*endpointv3.ClusterStats{interval(cluster("ws", endpoint(0, counts{inProgress: 1})), time.Hour)},
			want:   []scorer.Report{want(0, func(r *scorer.Report) { r.InFlight = 1 }), want(1, idle)},
		},
		{
			name:   "a gauge that has wrapped around",
			report: []*endpointv3.ClusterStats{cluster("ws", endpoint(0, counts{inProgress: math.MaxUint64}))},
			want:   []scorer.Report{want(1, idle)},
			status: Stream{Implausible: 1},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.mapping == nil {
				tt.mapping = Mapping{"ws": poolOf(2)}
			}
			s, conn := start(t, Options{}, tt.mapping)
			from := read(t, s, "ws")
			begun := time.Now()
			r := connect(t, conn, envoyNode("edge-1"))
			var first []*endpointv3.ClusterStats
			for _, c := range tt.report {
				empty := cluster(c.GetClusterName())
				empty.ClusterServiceName = c.GetClusterServiceName()
				first = append(first, empty)
			}
			r.send(first...)
			if tt.before != nil {
				r.send(tt.before...)
				next(t, from, 2)
			}
			r.send(tt.report...)
			got := next(t, from, len(tt.want))
			wanted := map[string]scorer.Report{}
			for _, w := range tt.want {
				g := got[w.Backend]
				if g.At.Before(begun) || g.At.After(time.Now()) {
					t.Errorf("%s: report at %v, want the time of receipt", w.Backend, g.At)
				}
				if d := tt.report[0].GetLoadReportInterval().AsDuration(); d > time.Minute {
					if g.Interval > time.Since(begun) {
						t.Errorf("interval %v, %v after the stream's begin", g.Interval, time.Since(begun))
					}
					g.Interval, g.RPS, g.EPS = w.Interval, w.RPS, w.EPS
					got[w.Backend] = g
				}
				wanted[w.Backend] = w
			}
			if diff := sameReports(wanted, got); diff != "" {
				t.Errorf("reports (-want +got):\n%s", diff)
			}
			status := s.Status()[0]
			tt.status.Clusters = max(tt.status.Clusters, 1)
			if diff := cmp.Diff(tt.status, status, cmpopts.IgnoreFields(Stream{}, "Node", "Origin", "Peer", "Since", "LastReport", "Interval", "Reports")); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
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
	if diff := cmp.Diff([]string{"lrs:edge-1", "lrs:edge-1#2", "lrs:edge___3", "lrs:unnamed"}, origins()); diff != "" {
		t.Errorf("origins (-want +got):\n%s", diff)
	}
	first.end()
	until(t, "the first stream is gone", func() bool { return len(origins()) == 3 })
	connect(t, conn, envoyNode("edge-1"))
	if diff := cmp.Diff([]string{"lrs:edge-1", "lrs:edge-1#2", "lrs:edge___3", "lrs:unnamed"}, origins()); diff != "" {
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
	s, conn := start(t, Options{MaxStreams: 1}, nil)
	open := func(node *corev3.Node) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		t.Cleanup(cancel)
		stream, err := lrsv3.NewLoadReportingServiceClient(conn).StreamLoadStats(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&lrsv3.LoadStatsRequest{Node: node}); err != nil {
			t.Fatal(err)
		}
		_, err = stream.Recv()
		return err
	}
	if err := open(nil); status.Code(err) != codes.InvalidArgument {
		t.Errorf("without a node: %v", err)
	}
	first := connect(t, conn, envoyNode("edge-1"))
	if err := open(envoyNode("edge-2")); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("one stream too many: %v", err)
	}
	first.end()
	until(t, "the stream is gone", func() bool { return len(s.Status()) == 0 })
	if err := open(envoyNode("edge-2")); err != nil {
		t.Errorf("after a stream has ended: %v", err)
	}
	if _, err := New(Options{Interval: time.Millisecond}); err == nil {
		t.Error("an interval of 1 ms is taken")
	}
}
