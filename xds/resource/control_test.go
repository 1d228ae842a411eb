package resource

import (
	"context"
	"fmt"
	"net"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	endpointservice "github.com/envoyproxy/go-control-plane/envoy/service/endpoint/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	deltav3 "github.com/envoyproxy/go-control-plane/pkg/server/delta/v3"
	sotwv3 "github.com/envoyproxy/go-control-plane/pkg/server/sotw/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/anypb"
)

// anyNode serves every node the same.
type anyNode struct{}

func (anyNode) ID(*corev3.Node) string { return "all" }

// streams serves both variants of the protocol, aggregated and for endpoints alone.
type streams struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer
	endpointservice.UnimplementedEndpointDiscoveryServiceServer
	sotw  sotwv3.Server
	delta deltav3.Server
}

func (s streams) StreamAggregatedResources(stream discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesServer) error {
	return s.sotw.StreamHandler(stream, "")
}

func (s streams) DeltaAggregatedResources(stream discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	return s.delta.DeltaStreamHandler(stream, "")
}

func (s streams) StreamEndpoints(stream endpointservice.EndpointDiscoveryService_StreamEndpointsServer) error {
	return s.sotw.StreamHandler(stream, AssignmentType)
}

func (s streams) DeltaEndpoints(stream endpointservice.EndpointDiscoveryService_DeltaEndpointsServer) error {
	return s.delta.DeltaStreamHandler(stream, AssignmentType)
}

// control is a plain control plane that serves encoded resources.
type control struct {
	t       testing.TB
	addr    string
	cache   cachev3.SnapshotCache
	version int
	served  map[string]map[string]types.Resource
}

func newControl(t testing.TB) *control {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &control{
		t: t, addr: listener.Addr().String(),
		cache:  cachev3.NewSnapshotCache(false, anyNode{}, nil),
		served: map[string]map[string]types.Resource{},
	}
	ctx, cancel := context.WithCancel(context.Background())
	handler := streams{sotw: sotwv3.NewServer(ctx, c.cache, nil), delta: deltav3.NewServer(ctx, c.cache, nil)}
	server := grpc.NewServer()
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(server, handler)
	endpointservice.RegisterEndpointDiscoveryServiceServer(server, handler)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		cancel()
		server.Stop()
		<-done
	})
	return c
}

// publish serves the resources, besides what is served of other names.
func (c *control) publish(resources ...Resource) {
	c.t.Helper()
	c.version++
	for _, r := range resources {
		m, err := (&anypb.Any{TypeUrl: r.Type, Value: r.Body}).UnmarshalNew()
		if err != nil {
			c.t.Fatal(err)
		}
		if c.served[r.Type] == nil {
			c.served[r.Type] = map[string]types.Resource{}
		}
		c.served[r.Type][r.Name] = m
	}
	all := map[string][]types.Resource{}
	for kind, named := range c.served {
		for _, m := range named {
			all[kind] = append(all[kind], m)
		}
	}
	snapshot, err := cachev3.NewSnapshot(fmt.Sprint(c.version), all)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.cache.SetSnapshot(c.t.Context(), "all", snapshot); err != nil {
		c.t.Fatal(err)
	}
}
