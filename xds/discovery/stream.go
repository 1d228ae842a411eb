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
	left    bool    // nothing is taken any more
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
	s.server.working.Go(func() { received <- s.receive() })
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
func (s *stream) next() *image {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.client != nil {
		snapshot := s.snapshot()
		if img := s.first(snapshot); img != nil {
			return img
		}
		// What the protocol has no words for is done with now, and may have been all
		// that a removal was waiting for.
		if s.snapshot() == snapshot {
			break
		}
	}
	return nil
}

// first returns the first response to send of a snapshot.
//
// Of one publication an earlier type goes before a later one. A type that has
// more to say than what is in flight holds up the later ones, except for
// clusters and listeners: Envoy does not acknowledge those before it has got
// the endpoints and routes to go with them. Clusters that are new to the client
// hold up listeners and routes, as Envoy has no use for them before that
// acknowledgment.
func (s *stream) first(snapshot *snapshot) *image {
	for _, w := range s.watches {
		if w == nil {
			continue
		}
		if w.kind >= listeners && s.warming() {
			return nil
		}
		for to := w.due(snapshot); to != nil; to = w.due(snapshot) {
			if w.inFlight != nil {
				if w.kind.root() {
					break
				}
				return nil
			}
			if img := w.image(to, snapshot); img != nil {
				s.sending(w, img, snapshot)
				return img
			}
		}
	}
	return nil
}

// warming is whether clusters are in flight that are new to the client.
func (s *stream) warming() bool {
	w := s.watches[clusters]
	return w != nil && w.inFlight != nil && w.inFlight.fresh
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
// routes are then those that were published with them. As long as the client
// has not taken the latest listeners and routes, nothing is removed that older
// ones may use.
func (s *stream) snapshot() *snapshot {
	latest, base := s.client.latest(), s.base
	if latest.gradual != nil && !s.settled(latest) {
		latest = latest.gradual
	}
	s.base = nil
	if base == nil {
		return latest
	}
	for _, w := range s.watches {
		if w == nil || !w.kind.root() || w.inFlight == nil {
			continue
		}
		if w.sub.resolve(base.sets[w.kind]).sum != w.sub.resolve(latest.sets[w.kind]).sum {
			s.base = base
			return base
		}
		s.base = latest
	}
	return latest
}

// settled says whether the client has taken all listeners and routes.
func (s *stream) settled(in *snapshot) bool {
	for _, w := range s.watches[listeners:] {
		if w != nil && !w.settled(in) {
			return false
		}
	}
	return true
}

// leave forgets the stream. A request may be on its way still: nobody would take back
// what it subscribes to.
func (s *stream) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = true
	for _, w := range s.watches {
		if w != nil && w.sub != nil {
			w.topic.leave(s, w.sub)
		}
	}
}
