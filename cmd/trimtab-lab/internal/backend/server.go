package backend

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// closeTimeout bounds how long a server waits for what is in progress, which
// ends by itself as its context does.
const closeTimeout = 3 * time.Second

// server is one time of listening, from opening the port to closing it.
type server struct {
	http   http.Server
	cancel context.CancelFunc
	served chan error

	mu      sync.Mutex
	closing bool
	sockets sync.WaitGroup
}

func newServer(l net.Listener, routes func(*server) http.Handler) *server {
	ctx, cancel := context.WithCancel(context.Background())
	s := &server{cancel: cancel, served: make(chan error, 1)}
	s.http = http.Server{
		Handler:           routes(s),
		ReadHeaderTimeout: time.Minute,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	go func() { s.served <- s.http.Serve(l) }()
	return s
}

// enter counts a WebSocket in, which the HTTP server does not know of; exit
// has to be called if it may.
func (s *server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.sockets.Add(1)
	return true
}

func (s *server) exit() { s.sockets.Done() }

// close ends everything in progress and waits for it.
func (s *server) close() error {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.cancel()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	// Connections that wait for a next request are closed at once by Close;
	// Shutdown alone would leave those that never sent one.
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	s.sockets.Wait()
	if serving := <-s.served; !errors.Is(serving, http.ErrServerClosed) {
		err = errors.Join(err, serving)
	}
	return err
}
