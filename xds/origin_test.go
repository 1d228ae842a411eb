package xds

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	lrsv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/trimtab-lb/trimtab/scorer"
)

// The weights of a view count by the traffic of that view's clients, whatever they
// call themselves.
func TestClientsReportUnderTheirTargetsOrigin(t *testing.T) {
	s := serve(t, Options{ReportInterval: 50 * time.Millisecond})
	_, members := backends(t, 1)
	target := envoyTarget(t, s.Server, EnvoyOptions{}, members)
	client, err := s.GRPCTarget("web", "web-grpc")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve([]*Target{target, client}); err != nil {
		t.Fatal(err)
	}
	client.SetBackends(members)
	byView := map[string]*Target{viewEnvoy: target, viewGRPC: client}

	for i, program := range []string{"envoy", "gRPC Go", "grpc-java", "gRPC C-core", "something else", ""} {
		t.Run(program, func(t *testing.T) {
			node := &corev3.Node{Id: fmt.Sprint("node-", i), UserAgentName: program}
			got := reported(t, s.Server, node)
			for view, target := range byView {
				inForce, err := target.Apply(t.Context(), scorer.Plan{})
				if err != nil {
					t.Fatal(err)
				}
				beginning := strings.TrimSuffix(inForce.Origin, "*")
				if strings.HasPrefix(got, beginning) != (view == viewOf(node)) {
					t.Errorf("origin %q of a client of %s, target of %s has %q", got, viewOf(node), view, inForce.Origin)
				}
			}
		})
	}
}

// reported is the origin of what a client reports of the pool "web".
func reported(t *testing.T, s *Server, node *corev3.Node) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out := make(chan scorer.Report, 1)
	ended := make(chan error, 1)
	go func() { ended <- s.Reports("web").Run(ctx, out) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	conn, err := grpc.NewClient(s.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stream, err := lrsv3.NewLoadReportingServiceClient(conn).StreamLoadStats(ctx)
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		request := &lrsv3.LoadStatsRequest{Node: node, ClusterStats: []*endpointv3.ClusterStats{{ClusterName: "web"}}}
		if err := stream.Send(request); err != nil {
			t.Fatal(fmt.Errorf("report load: %w", err))
		}
		select {
		case r := <-out:
			// What the one before has said may come late.
			if strings.HasSuffix(r.Origin, ":"+node.GetId()) {
				return r.Origin
			}
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("nothing was reported")
		}
	}
}
