package discovery

import (
	"errors"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// stream is one client's stream. Two goroutines work on it: the RPC's own one
// sends, and blocks alone if the client does not read; the other one receives.
type stream struct {
	// Read-only after creation.
	server *Server
	grpc   grpc.ServerStream
	number uint64
	delta  bool
	kind   kind // or aggregated
	since  time.Time
	wake   chan struct{} // cap 1

	mu      sync.Mutex
	client  *client // nil before the first request
	watches [kinds]*watch
	// base is the snapshot that goes out as long as clusters or listeners of it
	// are in flight.
	base *snapshot
}

// poke makes the stream look for something to send. It never blocks.
func (s *stream) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run serves the stream until the client or the server ends it.
func (s *stream) run() error {
	received := make(chan error, 1)
	// RecvMsg cannot be interrupted before run returns, so that this goroutine
	// is waited for by the server.
	s.server.began()
	go func() {
		defer s.server.ended()
		received <- s.receive()
	}()
	patience := time.NewTimer(s.server.options.FirstRequest)
	defer patience.Stop()
	for {
		if img := s.next(); img != nil {
			if err := s.grpc.SendMsg(img); err != nil {
				return err // a status already
			}
			continue
		}
		select {
		case <-s.wake:
		case err := <-received:
			return err
		case <-s.server.stopping:
			return status.Error(codes.Unavailable, "xds: the server is being stopped")
		case <-patience.C:
			if !s.started() {
				return status.Errorf(codes.DeadlineExceeded, "xds: no request within %v", s.server.options.FirstRequest)
			}
		}
	}
}

func (s *stream) started() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.client != nil
}

func (s *stream) receive() error {
	for {
		var in envelope
		if err := s.grpc.RecvMsg(&in); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err // a status already
		}
		err := s.take(s.grpc.Context(), in.buffer.ReadOnlyData(), time.Now())
		in.buffer.Free()
		if err != nil {
			return err
		}
	}
}

// next returns the response to send, or nil if there is none.
//
// Of one publication an earlier type goes before a later one. A type that has
// more to say than what is in flight holds up the later ones, except for
// clusters and listeners: Envoy does not acknowledge those before it has got
// the endpoints and routes to go with them.
func (s *stream) next() *image {
	s.mu.Lock()
	defer s.mu.Unlock()
	snapshot := s.snapshot()
	for _, w := range s.watches {
		if w == nil {
			continue
		}
		to := w.due(snapshot)
		switch {
		case to == nil:
		case w.inFlight == nil:
			if img := w.image(to, snapshot); img != nil {
				s.sending(w, img, snapshot)
				return img
			}
		case !w.kind.root():
			return nil
		}
	}
	return nil
}

func (s *stream) sending(sent *watch, img *image, of *snapshot) {
	if sent.kind.root() {
		s.base = of
	}
	for _, w := range s.watches {
		if w != nil && w != sent {
			w.repeatable = true
		}
	}
	counts := &s.server.counts
	counts.responses[sent.kind].Add(1)
	counts.bytes[sent.kind].Add(uint64(len(img.message)))
}

// snapshot returns what the stream works on: the latest, unless clusters or
// listeners are in flight that have changed again since. Their endpoints and
// routes are then those that were published with them.
func (s *stream) snapshot() *snapshot {
	latest, base := s.client.latest(), s.base
	s.base = nil
	if base == nil {
		return latest
	}
	for _, w := range s.watches {
		if w == nil || !w.kind.root() || w.inFlight == nil {
			continue
		}
		if base != latest && w.due(latest) != nil {
			s.base = base
			return base
		}
		s.base = latest
	}
	return latest
}

// leave forgets the stream.
func (s *stream) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.watches {
		if w != nil && w.sub != nil {
			w.topic.leave(s, w.sub)
		}
	}
}
