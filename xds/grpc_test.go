package xds

import (
	"context"
	"fmt"
	"math"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/xds"

	"github.com/trimtab-lb/trimtab/scorer"
)

// called is a gRPC backend that counts.
type called struct {
	healthv1.UnimplementedHealthServer
	scorer.Backend
	calls, open atomic.Int64
}

func (c *called) Check(context.Context, *healthv1.HealthCheckRequest) (*healthv1.HealthCheckResponse, error) {
	c.calls.Add(1)
	return &healthv1.HealthCheckResponse{Status: healthv1.HealthCheckResponse_SERVING}, nil
}

// Watch stays open, as a long stream does.
func (c *called) Watch(_ *healthv1.HealthCheckRequest, stream grpc.ServerStreamingServer[healthv1.HealthCheckResponse]) error {
	c.open.Add(1)
	defer c.open.Add(-1)
	if err := stream.Send(&healthv1.HealthCheckResponse{}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return nil
}

func callable(t testing.TB, n int) (list []*called, members []scorer.Backend) {
	t.Helper()
	for i := range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		c := &called{Backend: scorer.Backend{Name: fmt.Sprintf("b%d", i+1), Address: l.Addr().String(), Capacity: 1}}
		server := grpc.NewServer()
		healthv1.RegisterHealthServer(server, c)
		ended := make(chan error, 1)
		go func() { ended <- server.Serve(l) }()
		t.Cleanup(func() { server.Stop(); <-ended })
		list, members = append(list, c), append(members, c.Backend)
	}
	return list, members
}

// dial makes a proxyless client of the server's.
func dial(t testing.TB, s *Server, node string) healthv1.HealthClient {
	t.Helper()
	resolver, err := xds.NewXDSResolverWithConfigForTesting(fmt.Appendf(nil, `{
		"xds_servers": [{"server_uri": %q, "channel_creds": [{"type": "insecure"}], "server_features": ["xds_v3"]}],
		"node": {"id": %q, "cluster": "test", "locality": {"zone": "z"}}}`, s.Addr(), node))
	if err != nil {
		t.Fatal(err)
	}
	connection, err := grpc.NewClient("xds:///web", grpc.WithResolvers(resolver), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return healthv1.NewHealthClient(connection)
}

func grpcTarget(t testing.TB, s *Server, members []scorer.Backend) *Target {
	t.Helper()
	target, err := s.GRPCTarget("web", "web")
	if err != nil {
		t.Fatal(err)
	}
	target.SetBackends(members)
	if err := s.Serve([]*Target{target}); err != nil {
		t.Fatal(err)
	}
	return target
}

// shared makes calls until the last ones were shared as wanted, within 2 % of all
// calls.
func shared(t testing.TB, client healthv1.HealthClient, list []*called, want ...float64) {
	t.Helper()
	until(t, func() error {
		const calls = 10_000
		before := make([]int64, len(list))
		for i, c := range list {
			before[i] = c.calls.Load()
		}
		var group errgroup.Group
		const callers = 10
		for range callers {
			group.Go(func() error {
				for range calls / callers {
					ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
					_, err := client.Check(ctx, &healthv1.HealthCheckRequest{})
					cancel()
					if err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		for i, c := range list {
			if got := float64(c.calls.Load()-before[i]) / calls; math.Abs(got-want[i]) > 0.02 {
				return fmt.Errorf("%s got %.3f of the calls, want %.3f", c.Name, got, want[i])
			}
		}
		return nil
	})
}

// left makes calls until a backend gets none.
//
// As of grpc-go 1.85 a call that is about to begin on a connection waits for its
// deadline when that connection is given up at this moment and kept open by streams:
// its transport drains, takes no call any more, and does not say so.
func left(t testing.TB, client healthv1.HealthClient, gone *called) {
	t.Helper()
	until(t, func() error {
		before := gone.calls.Load()
		for range 50 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := client.Check(ctx, &healthv1.HealthCheckRequest{})
			cancel()
			if err != nil && status.Code(err) != codes.DeadlineExceeded {
				t.Fatal(err)
			}
		}
		if n := gone.calls.Load() - before; n > 0 {
			return fmt.Errorf("%s got %d of 50 calls", gone.Name, n)
		}
		return nil
	})
}

func TestGRPCFollowsPlans(t *testing.T) {
	s := serve(t, Options{ReportInterval: 50 * time.Millisecond})
	list, members := callable(t, 3)
	target := grpcTarget(t, s.Server, members)
	latest := collected(t, s.Server)
	carryOut(t, target, plan(0.3, 0.9, 1.8))
	client := dial(t, s.Server, "client-1")
	shared(t, client, list, 0.1, 0.3, 0.6)
	carryOut(t, target, plan(1.8, 0.9, 0.3))
	shared(t, client, list, 0.6, 0.3, 0.1)

	// A drained backend gets no more, and keeps the streams that it has.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 30 {
		stream, err := client.Watch(ctx, &healthv1.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	held := list[0].open.Load()
	carryOut(t, target, plan(0, 1, 1))
	left(t, client, list[0])
	shared(t, client, list, 0, 0.5, 0.5)
	if got := list[0].open.Load(); got != held || held == 0 {
		t.Errorf("%d streams after the drain, %d before", got, held)
	}
	until(t, func() error {
		sum := 0.0
		for _, m := range members[1:] { // a locality that was dropped is not reported any more
			r, _ := latest(m.Name)
			sum += r.InFlight
		}
		if want := float64(30 - held); sum != want {
			return fmt.Errorf("%v in flight by the reports, want %v", sum, want)
		}
		return nil
	})
	nodes := s.Nodes()
	if len(nodes) != 1 || nodes[0].View != viewGRPC || nodes[0].LastReport.IsZero() {
		t.Errorf("nodes %+v", nodes)
	}
}
