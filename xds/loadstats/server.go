package loadstats

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	lrsv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// Server takes load reports from any number of data planes. Its methods may be
// used concurrently.
type Server struct {
	options  Options
	mapping  atomic.Pointer[table]
	readers  readers
	origins  origins
	interval interval

	mu      sync.Mutex
	streams map[*stream]struct{} // that report
	stopped bool

	// working are all goroutines, RPCs included. Once stopped, no RPC is added.
	working sync.WaitGroup
}

// New returns a server that knows no cluster yet: see SetMapping and Register.
func New(o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("load reporting service: %w", err)
	}
	s := &Server{
		options: o,
		readers: readers{byPool: map[string][]*mailbox{}},
		origins: origins{taken: map[string]bool{}},
		streams: map[*stream]struct{}{},
	}
	s.interval.set(o.Interval)
	s.SetMapping(nil)
	return s, nil
}

// SetMapping replaces what the names in load reports stand for; reports that
// arrive from then on are read by it. The mapping belongs to the server.
func (s *Server) SetMapping(m Mapping) { s.mapping.Store(newTable(m)) }

// Register adds the service to a gRPC server, which should have [ServerOptions] and
// whose codec must know [BufferUnmarshaler]. Streams end with the gRPC server.
func (s *Server) Register(to grpc.ServiceRegistrar) {
	service := lrsv3.LoadReportingService_ServiceDesc
	service.Streams = []grpc.StreamDesc{{
		StreamName:    "StreamLoadStats",
		Handler:       func(_ any, wire grpc.ServerStream) error { return s.serve(wire) },
		ServerStreams: true,
		ClientStreams: true,
	}}
	to.RegisterService(&service, nil)
}

// serve runs one data plane's stream until the data plane ends it.
func (s *Server) serve(wire grpc.ServerStream) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.working.Done()
	node, id, in, err := s.first(wire)
	if err != nil {
		return ended(err)
	}
	if s.options.Admit != nil {
		if err := s.options.Admit(wire.Context(), id); err != nil {
			return status.Errorf(codes.PermissionDenied, "load reports: node %q is not admitted: %v", node.ID, err)
		}
	}
	one := s.begin(node, wire)
	err = one.run(wire, in)
	s.end(one, err)
	return err
}

// ended makes the end that a data plane chose no error.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (s *Server) begin(node Node, wire grpc.ServerStream) *stream {
	var from string
	if p, ok := peer.FromContext(wire.Context()); ok {
		from = p.Addr.String()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	one := newStream(s, node, s.origins.take(&node), from, time.Now())
	s.streams[one] = struct{}{}
	s.options.Logger.Info("load reports begin", "node", node.ID, "origin", one.origin, "peer", from, "program", node.UserAgent)
	return one
}

func (s *Server) end(one *stream, cause error) {
	s.mu.Lock()
	delete(s.streams, one)
	s.mu.Unlock()
	// In this order: the next stream of the name must not be forgotten.
	s.readers.forget(one.origin)
	s.origins.release(one.origin)
	s.options.Logger.Info("load reports end", "node", one.node.ID, "origin", one.origin, "cause", cause)
}
