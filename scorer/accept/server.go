package accept

import (
	"context"
	"errors"
	"net"
	"sync"
)

// Server has each connection of a listener handled on a goroutine of its own. All
// fields are required.
type Server struct {
	// Max is how many connections may be open at once.
	Max int
	// Handle has one connection from beginning to end, and closes it. It should
	// return when ctx ends.
	Handle func(ctx context.Context, conn net.Conn)
	// Refuse closes a connection in excess. It is called between two others, and
	// should not wait.
	Refuse func(conn net.Conn)
	// Failed is told of the first error of a row that passes.
	Failed func(err error)
}

// Serve takes connections until ctx ends, closes the listener and returns nil when all
// goroutines that it started have ended. An error means that the listener is closed or
// broken.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var connections sync.WaitGroup
	defer connections.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	free := make(chan struct{}, s.Max)
	var trouble pause
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil:
			if trouble.first() {
				s.Failed(err)
			}
			trouble.wait(ctx)
			continue
		}
		trouble.over()
		select {
		case free <- struct{}{}:
		default:
			s.Refuse(conn)
			continue
		}
		connections.Go(func() {
			defer func() { <-free }()
			s.Handle(ctx, conn)
		})
	}
}
