package discovery

import (
	"context"
	"errors"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var (
	errTooMany = errors.New("too many resource names")
	errTooLong = errors.New("a resource name is too long")
)

// take takes in one request and makes the stream send what follows from it. Its
// errors are gRPC statuses, and end the stream.
func (s *stream) take(ctx context.Context, message []byte, now time.Time) error {
	r, err := s.decode(message)
	if err != nil {
		return refusal(err)
	}
	if !s.started() {
		c, err := s.server.admit(ctx, r.node)
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.client = c
		s.mu.Unlock()
	}
	k, err := s.kindOf(r.typeURL)
	if err != nil {
		return err
	}
	if k == kinds {
		s.server.counts.unknown.Add(1)
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left {
		return status.Error(codes.Canceled, "xds: the stream has ended")
	}
	w := s.watches[k]
	if w == nil {
		w = &watch{kind: k, delta: s.delta, topic: s.client.view.topics[k]}
		w.status = TypeStatus{TypeURL: k.typeURL(), Delta: s.delta, Stream: s.number}
	}
	rejected, inFlight := w.status.Rejected, w.inFlight
	if s.delta {
		err = w.incremental(&r, s, s.namesLeft(k), now)
	} else {
		err = w.sotw(&r, s, s.namesLeft(k), now)
	}
	if err != nil {
		return refusal(err)
	}
	s.watches[k] = w
	w.status.Requested = now
	s.note(w, rejected, inFlight)
	if s.pending() {
		s.poke()
	}
	return nil
}

func (s *stream) decode(message []byte) (request, error) {
	if s.delta {
		return decodeDelta(message, s.server.options.MaxResourceNames)
	}
	var before [kinds][]byte
	for k, w := range s.watches { // only this goroutine changes raw
		if w != nil {
			before[k] = w.raw
		}
	}
	return decodeSotW(message, before[:]...)
}

// kindOf returns kinds for types that are not served. On an aggregated stream
// those are no reason to end it: it carries the other types, too.
func (s *stream) kindOf(typeURL []byte) (kind, error) {
	k, known := kindOf(typeURL)
	switch {
	case s.kind == aggregated && len(typeURL) == 0:
		return kinds, status.Error(codes.InvalidArgument, "xds: a request without type_url on an aggregated stream")
	case s.kind == aggregated:
		return k, nil
	case len(typeURL) == 0 || known && k == s.kind:
		return s.kind, nil
	default:
		return kinds, status.Errorf(codes.InvalidArgument, "xds: type %.100q on a stream for %s", typeURL, s.kind.typeURL())
	}
}

// namesLeft is how many names the stream may have of one type.
func (s *stream) namesLeft(of kind) int {
	left := s.server.options.MaxResourceNames
	for k, w := range s.watches {
		if w != nil && w.sub != nil && kind(k) != of {
			left -= len(w.sub.names)
		}
	}
	return left
}

// pending is whether next would find something.
func (s *stream) pending() bool {
	snapshot := s.snapshot()
	return slices.ContainsFunc(s.watches[:], func(w *watch) bool {
		return w != nil && w.due(snapshot) != nil && w.inFlight == nil
	})
}

// note counts and logs what a request has answered.
func (s *stream) note(w *watch, before *Rejection, inFlight *image) {
	if inFlight == nil || w.inFlight != nil {
		return
	}
	if w.rejected {
		s.server.counts.nacks[w.kind].Add(1)
		s.complain(w, before, inFlight)
		return
	}
	s.server.counts.acks[w.kind].Add(1)
	if before != nil && w.status.Rejected == nil {
		s.server.options.Log.Info("xds: a client accepts responses again",
			"node", s.client.id, "peer", s.client.peer, "type", w.status.TypeURL, "version", w.status.Acked)
	}
}

// complain logs a NACK, unless the same was said of an older version.
func (s *stream) complain(w *watch, before *Rejection, rejected *image) {
	message, names := "xds: a client rejected a response; the bad part of it is being looked for", rejected.told
	switch {
	case w.refusals.standing():
		message = "xds: a client rejected a response; it is not sent again before its resources change"
		if before != nil {
			return
		}
	case len(names) == 1:
		message = "xds: a client rejected a resource; it is not sent again before it changes"
		if before != nil && !w.refusals.surprising() {
			return
		}
	case before != nil:
		return
	}
	const shown = 5
	now := w.status.Rejected
	s.server.options.Log.Warn(message, "node", s.client.id, "peer", s.client.peer, "type", w.status.TypeURL,
		"names", names[:min(len(names), shown)], "count", len(names), "version", now.Version, "error", now.Error)
}

// refusal is the status for a request that cannot be served.
func refusal(err error) error {
	if errors.Is(err, errTooMany) {
		return status.Errorf(codes.ResourceExhausted, "xds: %v", err)
	}
	return status.Errorf(codes.InvalidArgument, "xds: %v", err)
}
