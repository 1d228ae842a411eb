package discovery

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Server serves what was published to all clients. Make it with [New], a gRPC
// server with its [Server.ServerOptions], and [Server.Register] it there.
type Server struct {
	// Read-only after creation.
	options  Options
	encoder  *encoder
	stopping chan struct{}
	counts   counts

	publishing sync.Mutex // one publication at a time

	mu      sync.Mutex
	views   map[string]*view
	streams map[*stream]struct{}
	opened  uint64
	stopped bool

	// working are all goroutines, RPCs included. Once stopped, no RPC is added.
	working sync.WaitGroup
}

// New checks the options and makes a server without resources.
func New(o Options) (*Server, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("xds: server options: %w", err)
	}
	s := &Server{
		options:  o.withDefaults(),
		stopping: make(chan struct{}),
		views:    make(map[string]*view),
		streams:  make(map[*stream]struct{}),
	}
	s.encoder = &encoder{identifier: o.Identifier, counts: &s.counts}
	return s, nil
}

// Shutdown ends all streams, lets no new ones begin, and waits until every
// goroutine of the server has ended. Call it before grpc.Server.GracefulStop,
// or together with Stop: a client that does not read is only got rid of by the
// latter, and until then Shutdown waits, for as long as the context allows.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	if !s.stopped {
		s.stopped = true
		close(s.stopping)
	}
	s.mu.Unlock()
	idle := make(chan struct{})
	go func() { // ends with what it waits for
		s.working.Wait()
		close(idle)
	}()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("xds: wait for streams to end: %w", ctx.Err())
	}
}

func (s *Server) view(name string) *view {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.views[name]
	if v == nil {
		v = newView(s.encoder)
		s.views[name] = v
	}
	return v
}

// serve is the life of one stream.
func (s *Server) serve(k kind, delta bool, grpcStream grpc.ServerStream) error {
	str := &stream{
		server: s, grpc: grpcStream, kind: k, delta: delta,
		since: time.Now(), wake: make(chan struct{}, 1),
	}
	if err := s.enter(str); err != nil {
		return err
	}
	defer s.leave(str)
	return str.run()
}

func (s *Server) enter(str *stream) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return status.Error(codes.Unavailable, "xds: the server is being stopped")
	}
	s.opened++
	str.number = s.opened
	s.streams[str] = struct{}{}
	s.working.Add(1)
	return nil
}

func (s *Server) leave(str *stream) {
	str.leave()
	s.mu.Lock()
	delete(s.streams, str)
	s.mu.Unlock()
	s.working.Done()
}
