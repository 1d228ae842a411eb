package loadstats

import (
	"math"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/trimtab-lb/trimtab/scorer"
)

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
