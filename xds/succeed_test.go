package xds

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	lrsv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/xds/resource"
)

// A reload takes a backend out of the configuration while it holds connections.
func TestWhoIsTakenOutByAReloadDrains(t *testing.T) {
	s := serve(t, Options{ReportInterval: 50 * time.Millisecond})
	list, members := backends(t, 2)
	before := envoyTarget(t, s.Server, EnvoyOptions{Listener: edge()}, members)
	carryOut(t, before, plan(1.6, 0.4))
	in, at := envoy(t, bootstrap(t, s.Server, resource.BootstrapConfig{ReportLoad: true}))
	held := sockets(t, at, 10)

	after, err := s.EnvoyTarget("web", EnvoyOptions{
		Cluster: resource.ClusterConfig{Name: "web"}, Balancing: resource.ClusterConfig{Name: "web"}.Balancing(), Listener: edge(),
	})
	if err != nil {
		t.Fatal(err)
	}
	after.Succeed(before)
	if err := s.Serve([]*Target{after}); err != nil {
		t.Fatal(err)
	}
	after.SetBackends(members[:1])
	if _, err := after.Apply(t.Context(), plan(1)); err != nil {
		t.Fatal(err)
	}
	until(t, func() error {
		if got := weights(t, in, list); len(got) != 2 || got["b2"] != 0 || got["b1"] == 0 {
			return fmt.Errorf("hosts %v, want b2 there and draining", got)
		}
		return nil
	})
	alive(t, held)
}

func endpoints(t testing.TB, s *Server, target *Target) map[string]string {
	t.Helper()
	var assignment endpointv3.ClusterLoadAssignment
	if err := proto.Unmarshal(s.endpoints[target], &assignment); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, l := range assignment.GetEndpoints() {
		for _, e := range l.GetLbEndpoints() {
			at := e.GetEndpoint().GetAddress().GetSocketAddress()
			out[fmt.Sprintf("%s:%d", at.GetAddress(), at.GetPortValue())] = e.GetHealthStatus().String()
		}
	}
	return out
}

// Who is out is out in a dry run, too, that begins with a restart, and when
// weights are put back.
func TestWhoIsOutStaysOut(t *testing.T) {
	s := serve(t, Options{})
	_, members := backends(t, 2)
	target := envoyTarget(t, s.Server, EnvoyOptions{}, members)
	dry := plan(1.5, 0)
	dry.Mode = scorer.DryRun
	carryOut(t, target, dry)
	want := map[string]string{members[0].Address: "UNKNOWN", members[1].Address: "DRAINING"}
	if got := endpoints(t, s.Server, target); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("served in a dry run: %v, want %v", got, want)
	}
	carryOut(t, target, plan(1.5, 0))
	if err := target.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := endpoints(t, s.Server, target); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("left behind: %v, want %v", got, want)
	}
}

// A node that is not served does not report either.
func TestOnlyWhoIsServedReports(t *testing.T) {
	var log journal
	s := serve(t, Options{Nodes: []string{"edge-*"}, Logger: log.logger()})
	connection, err := grpc.NewClient(s.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	for node, admitted := range map[string]bool{"edge-1": true, "staging-1": false} {
		stream, err := lrsv3.NewLoadReportingServiceClient(connection).StreamLoadStats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&lrsv3.LoadStatsRequest{Node: &corev3.Node{Id: node}}); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); (err == nil) != admitted {
			t.Errorf("%s: %v", node, err)
		}
	}
	if !strings.Contains(log.String(), "node=staging-1") || !strings.Contains(log.String(), "xds.nodes") {
		t.Errorf("logged %s", log.String())
	}
}

// A pool that has left a cluster for another name misses nobody there any more: who
// comes back is reported again.
func TestWhoComesBackUnderAnotherNameIsReported(t *testing.T) {
	s := serve(t, Options{})
	_, members := backends(t, 2)
	before := envoyTarget(t, s.Server, EnvoyOptions{}, members)
	before.SetBackends(members[:1])
	carryOut(t, before, plan(1))
	missed := scorer.NewReport("b2", "lrs:edge-1", time.Now())
	if !before.tap.take(&missed) {
		t.Fatal("nobody watches who has left")
	}
	after, err := s.EnvoyTarget("web", EnvoyOptions{Cluster: resource.ClusterConfig{Name: "renamed"}})
	if err != nil {
		t.Fatal(err)
	}
	after.Succeed(before)
	if err := s.Serve([]*Target{after}); err != nil {
		t.Fatal(err)
	}
	after.SetBackends(members)
	carryOut(t, after, plan(1, 1))
	if after.tap.take(&missed) {
		t.Error("the report of a member is kept from the pool")
	}
}
