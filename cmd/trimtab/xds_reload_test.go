package main

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/xds/resource"
)

// subscriber is a client that has its clusters and says why its stream has ended.
func subscriber(t *testing.T, xds, node string) (ended <-chan error) {
	t.Helper()
	connection, err := grpc.NewClient(xds, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(connection).StreamAggregatedResources(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&discoveryv3.DiscoveryRequest{Node: &corev3.Node{Id: node}, TypeUrl: resource.ClusterType}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	end := make(chan error, 1)
	go func() {
		_, err := stream.Recv()
		for err == nil {
			_, err = stream.Recv()
		}
		end <- err
	}()
	return end
}

func connectedNodes(d status.Document) string {
	var ids []string
	for _, n := range d.XDS.Nodes {
		ids = append(ids, n.ID)
	}
	return strings.Join(ids, " ")
}

// Who may connect changes with a reload: the streams of those who may not any more
// end, and an Envoy that may notices nothing.
func TestReloadChangesWhoMayConnect(t *testing.T) {
	xds := freePort(t)
	pools := func(settings string) string { return servedPools + fmt.Sprintf("xds: {listen: %q%s}\n", xds, settings) }
	r := start(t, pools(""))
	r.until(t, "stepped", stepped)
	envoy, _ := edgeEnvoy(t, xds, "ws")
	client := subscriber(t, xds, "client-1")
	before := r.until(t, "serving both", func(d status.Document) bool { return connectedNodes(d) == "client-1 edge-1" })
	had := envoyWeights(t, envoy, "ws")
	if len(had) != 2 {
		t.Fatalf("endpoints %v", had)
	}
	reload := func(settings string) (code int, body string) {
		t.Helper()
		write(t, r.config, r.text(pools(settings)))
		return post(t, "http://"+r.addr+"/-/reload")
	}

	if code, body := reload(`, nodes: ["edge-*"], report_period: 300ms, max_streams: 50`); code >= 400 {
		t.Fatalf("reload answers %d %q", code, body)
	}
	select {
	case err := <-client:
		if grpcstatus.Code(err) != codes.PermissionDenied || !strings.Contains(err.Error(), "xds.nodes") {
			t.Errorf("the client's stream ends with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the client's stream goes on")
	}
	after := r.until(t, "serving the Envoy alone", func(d status.Document) bool { return connectedNodes(d) == "edge-1" })
	if n, was := after.XDS.Nodes[0], before.XDS.Nodes[1]; n.Peer != was.Peer || n.ConnectedSeconds < was.ConnectedSeconds {
		t.Errorf("the Envoy has connected anew: %+v, was %+v", n, was)
	}
	code, _, errs := call(t, "xds", "dump", "--server", xds, "--node", "client-1")
	if code != exitFailed || !strings.Contains(errs, `node "client-1"`) || !strings.Contains(errs, "xds.nodes") {
		t.Errorf("dump for a node that is not allowed: exit code %d: %s", code, errs)
	}

	// What an Envoy that is shut out has, it keeps, and it is served again when it may.
	if code, body := reload(`, nodes: ["other-*"]`); code >= 400 {
		t.Fatalf("reload answers %d %q", code, body)
	}
	r.until(t, "serving nobody", func(d status.Document) bool { return connectedNodes(d) == "" })
	if got := envoyWeights(t, envoy, "ws"); !maps.Equal(got, had) {
		t.Errorf("shut out, the Envoy has %v, had %v", got, had)
	}
	if code, body := reload(""); code >= 400 {
		t.Fatalf("reload answers %d %q", code, body)
	}
	r.until(t, "serving the Envoy again", func(d status.Document) bool { return connectedNodes(d) == "edge-1" })
}

// What cannot change is named, and everything stays as it was.
func TestReloadNamesWhatCannotChange(t *testing.T) {
	xds := freePort(t)
	r := start(t, servedPools+fmt.Sprintf("xds: {listen: %q}\n", xds))
	r.until(t, "stepped", stepped)
	client := subscriber(t, xds, "client-1")
	without := `- {name: lone, backends: [{name: a, address: "127.0.0.1:1"}], probe: {}, targets: [{agent_check: {listen: "127.0.0.1:0", initial_weight: 100}}]}
`
	for _, test := range []struct{ name, pools, says string }{
		{"address", servedPools + fmt.Sprintf("xds: {listen: %q, nodes: [nobody]}\n", freePort(t)), "xds.listen cannot change while running: restart trimtab"},
		{"age", servedPools + fmt.Sprintf("xds: {listen: %q, nodes: [nobody], max_connection_age: 30m}\n", xds), "xds.max_connection_age cannot change while running: restart trimtab"},
		{"TLS", servedPools + fmt.Sprintf("xds: {listen: %q, tls: {cert: /c.pem, key: /k.pem}}\n", xds), "xds.tls"},
		{"all of it", without, "xds cannot be taken away while running"},
		{"a pool that is wrong", servedPools + fmt.Sprintf("- {name: b, from: haproxy}\nxds: {listen: %q, nodes: [nobody]}\n", xds), "pools[1]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			write(t, r.config, r.text(test.pools))
			code, body := post(t, "http://"+r.addr+"/-/reload")
			if code < 400 || !strings.Contains(body, test.says) || !strings.Contains(body, r.config) {
				t.Errorf("reload answers %d %q, want %q and the file", code, body, test.says)
			}
		})
	}
	select {
	case err := <-client:
		t.Errorf("a reload that was refused has ended a stream: %v", err)
	default:
	}
	r.until(t, "serving still", func(d status.Document) bool { return connectedNodes(d) == "client-1" && !d.Config.LastReloadOK })
}
