package discovery

import (
	"strings"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/service/cluster/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/service/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/service/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/service/route/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// Flow-control windows for what clients send, and the buffer for what they are
// sent, in bytes.
const (
	requestWindow    = 64 << 10
	connectionWindow = 1 << 20
	writeBuffer      = 64 << 10
)

const (
	// maxConnectionIdle is how long a connection may stay without streams.
	maxConnectionIdle = 5 * time.Minute
	// maxConnectionAgeGrace is how long after MaxConnectionAge streams are closed.
	maxConnectionAgeGrace = 10 * time.Second
	// keepaliveInterval is when a silent connection is pinged, keepaliveTimeout how
	// long the reply may take.
	keepaliveInterval, keepaliveTimeout = 30 * time.Second, 10 * time.Second
)

// ServerOptions are for the gRPC server that [Server.Register] is called with.
// They include the codec, without which no response can be sent; other services
// on that server are not concerned by it.
func (s *Server) ServerOptions() []grpc.ServerOption {
	o := s.options
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(newCodec()),
		// A response of ordinary size is one system call. gRPC has a buffer for it only
		// while it is being written.
		grpc.WriteBufferSize(writeBuffer),
		grpc.MaxRecvMsgSize(o.MaxRequestBytes),
		// Requests are small. Windows of a fixed size spare a ping with each of them,
		// and limit what a client can make the server hold.
		grpc.StaticStreamWindowSize(requestWindow),
		grpc.StaticConnWindowSize(connectionWindow),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle:     maxConnectionIdle,
			MaxConnectionAge:      o.MaxConnectionAge,
			MaxConnectionAgeGrace: maxConnectionAgeGrace,
			Time:                  keepaliveInterval,
			Timeout:               keepaliveTimeout,
		}),
		// A client that pings more often than that is disconnected.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
	}
}

// Register adds the aggregated service and one service per type. Their Fetch
// methods, which are for REST, are not implemented.
func (s *Server) Register(r grpc.ServiceRegistrar) {
	for _, service := range []struct {
		kind kind
		desc grpc.ServiceDesc
	}{
		{aggregated, discoveryv3.AggregatedDiscoveryService_ServiceDesc},
		{clusters, clusterv3.ClusterDiscoveryService_ServiceDesc},
		{endpoints, endpointv3.EndpointDiscoveryService_ServiceDesc},
		{listeners, listenerv3.ListenerDiscoveryService_ServiceDesc},
		{routes, routev3.RouteDiscoveryService_ServiceDesc},
	} {
		desc := grpc.ServiceDesc{
			ServiceName: service.desc.ServiceName,
			HandlerType: (*any)(nil),
			Metadata:    service.desc.Metadata,
		}
		for _, method := range service.desc.Streams {
			delta := strings.HasPrefix(method.StreamName, "Delta")
			method.Handler = func(_ any, stream grpc.ServerStream) error {
				return s.serve(service.kind, delta, stream)
			}
			desc.Streams = append(desc.Streams, method)
		}
		r.RegisterService(&desc, s)
	}
}
