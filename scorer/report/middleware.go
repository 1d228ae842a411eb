package report

import (
	"context"
	"errors"
	"net/http"
)

// Middleware counts the requests that next serves. A request has failed when it
// was answered with 5xx or its handler panicked, unless its client had left
// before.
//
// The http.ResponseWriter that next is given can do what the server's can.
func (r *Reporter) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		t := &tracked{ResponseWriter: w, request: r.Begin()}
		returned := false
		defer func() { t.done(request.Context(), !returned) }()
		r.addInBand(w.Header(), request)
		next.ServeHTTP(t.dressed(), request)
		returned = true
	})
}

// done counts the request out, or the connection that it became.
func (t *tracked) done(ctx context.Context, panicked bool) {
	failed := panicked || t.status >= http.StatusInternalServerError
	t.request.End(failed && !errors.Is(ctx.Err(), context.Canceled))
	if t.connection != nil && !t.hijacked {
		t.connection.End()
	}
}

// Connection declares that the request that w answers is a long-lived
// connection: a WebSocket, an event stream, a long poll. leave is how its other
// end is asked to go, nil if that is impossible.
//
// Requests whose connection was taken over are connections anyhow, and are
// ended by closing it; this adds how they leave. Others end when their handler
// returns. If w does not come from this Reporter's Middleware, the caller ends
// the connection.
func (r *Reporter) Connection(w http.ResponseWriter, leave Leave) *Connection {
	t := find(w, r)
	if t == nil {
		return r.Connect(leave)
	}
	if t.connection == nil {
		t.connection = t.request.Connect(leave)
	} else {
		t.connection.setLeave(leave)
	}
	return t.connection
}

// find looks for a Reporter's own writer below those of other middlewares.
func find(w http.ResponseWriter, r *Reporter) *tracked {
	for w != nil {
		if own, ok := w.(interface{ trackedBy(*Reporter) *tracked }); ok {
			if t := own.trackedBy(r); t != nil {
				return t
			}
		}
		inner, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return nil
		}
		w = inner.Unwrap()
	}
	return nil
}
