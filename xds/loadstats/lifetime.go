package loadstats

import (
	"context"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// lifetime counts what has to end before a server has. Server.mu guards it.
type lifetime struct {
	stopped bool
	// open counts the streams, those included that have not said anything yet;
	// working the goroutines. idle is closed when there are none after the server
	// was stopped.
	open, working int
	idle          chan struct{}
}

// Shutdown lets no stream begin any more and waits until all that are open have
// ended, for as long as the context allows. What ends them is the gRPC server's
// Stop.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	if !s.stopped {
		s.stopped = true
		if s.working == 0 {
			close(s.idle)
		}
	}
	s.mu.Unlock()
	select {
	case <-s.idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("load reporting service: wait for streams to end: %w", ctx.Err())
	}
}

// enter admits a stream, which leaves at its end.
func (s *Server) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return status.Error(codes.Unavailable, "load reports: the server is being stopped")
	}
	if s.open >= s.options.MaxStreams {
		return status.Errorf(codes.ResourceExhausted, "load reports: %d streams are open already", s.open)
	}
	s.open++
	s.working++
	return nil
}

func (s *Server) leave() {
	s.mu.Lock()
	s.open--
	s.mu.Unlock()
	s.over()
}

// began counts a goroutine that a counted one is about to start.
func (s *Server) began() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.working++
}

func (s *Server) over() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.working--
	if s.stopped && s.working == 0 {
		close(s.idle)
	}
}
