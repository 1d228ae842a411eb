package loadstats

import (
	"context"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Shutdown lets no stream begin any more and waits until all that are open have
// ended, for as long as the context allows. What ends them is the gRPC server's
// Stop.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.stopped = true
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
		return fmt.Errorf("load reporting service: wait for streams to end: %w", ctx.Err())
	}
}

// enter counts a stream, whose end is working.Done.
func (s *Server) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return status.Error(codes.Unavailable, "load reports: the server is being stopped")
	}
	s.working.Add(1)
	return nil
}
