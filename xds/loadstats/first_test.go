package loadstats

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	lrsv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// silent opens a stream, of which the server gets to know at once, and says nothing.
func silent(t *testing.T, conn *grpc.ClientConn) grpc.BidiStreamingClient[lrsv3.LoadStatsRequest, lrsv3.LoadStatsResponse] {
	t.Helper()
	stream, err := lrsv3.NewLoadReportingServiceClient(conn).StreamLoadStats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func TestAStreamThatSaysNothingEnds(t *testing.T) {
	for _, tt := range []struct {
		name    string
		options Options
		within  time.Duration
	}{
		{"by default", Options{}, 10 * time.Second},
		{"as configured", Options{FirstRequest: 3 * time.Second}, 3 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, conn := start(t, tt.options, Mapping{"ws": poolOf(1)})
				begun := time.Now()
				_, err := silent(t, conn).Recv()
				if took := time.Since(begun); status.Code(err) != codes.DeadlineExceeded || took != tt.within {
					t.Errorf("%v after %v, want DEADLINE_EXCEEDED after %v", err, took, tt.within)
				}
			})
		})
	}
}

func TestAStreamThatHasSpokenMayRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, conn := start(t, Options{}, Mapping{"ws": poolOf(1)})
		from := read(t, s, "ws")
		stream := silent(t, conn)
		for _, pause := range []time.Duration{9 * time.Second, 19 * time.Second, 0} {
			rest := time.NewTimer(pause)
			<-rest.C
			if err := stream.Send(&lrsv3.LoadStatsRequest{Node: envoyNode("edge-1"), ClusterStats: []*endpointv3.ClusterStats{cluster("ws")}}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := stream.Recv(); err != nil {
			t.Error(err)
		}
		next(t, from, 1)
	})
}

func TestShutdownWaitsForStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, conn := start(t, Options{}, Mapping{"ws": poolOf(1)})
		r := connect(t, conn, envoyNode("edge-1"))
		open := silent(t, conn)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with two streams open: %v", err)
		}
		if _, err := silent(t, conn).Recv(); status.Code(err) != codes.Unavailable {
			t.Errorf("a stream that begins while the server is being stopped: %v", err)
		}
		if _, err := open.Recv(); status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("the silent stream: %v", err)
		}
		r.end()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Errorf("after the last stream: %v", err)
		}
	})
}
