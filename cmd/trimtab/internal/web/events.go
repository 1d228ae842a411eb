package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// keepAlive is how often a stream without events shows that it lives, so that
// neither end nor anything between takes it for dead.
const keepAlive = 15 * time.Second

// eventTimeout is how long a client may take to read what is sent at once.
const eventTimeout = 10 * time.Second

// serveEvents streams events as server-sent ones: first those that are remembered
// after Last-Event-ID, then what happens, until the client leaves. With follow=0 it
// ends after the first part; pool=NAME leaves out other pools.
func (s *server) serveEvents(w http.ResponseWriter, r *http.Request) {
	since := uint64(0)
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		var err error
		if since, err = strconv.ParseUint(id, 10, 64); err != nil {
			s.writeJSON(w, http.StatusBadRequest, apiError{fmt.Sprintf("Last-Event-ID %q is not a number", id)})
			return
		}
	}
	follow := r.URL.Query().Get("follow") != "0"
	pool := r.URL.Query().Get("pool")
	control := http.NewResponseController(w)
	// A stream lasts as long as both ends want it to.
	_ = control.SetReadDeadline(time.Time{})
	// A client that stops reading is let go.
	extend := func() { _ = control.SetWriteDeadline(time.Now().Add(eventTimeout)) }
	extend()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	alive := time.NewTicker(keepAlive)
	defer alive.Stop()
	for {
		entries, more := s.Events(since)
		extend()
		for _, e := range entries {
			since = e.ID
			if pool != "" && e.Pool != pool {
				continue
			}
			data, err := json.Marshal(e)
			if err != nil {
				s.Logger.Error("cannot write an event as JSON", "error", err)
				return
			}
			if _, err := fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", e.ID, e.Kind, data); err != nil {
				return
			}
		}
		if !follow {
			return
		}
		if control.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-more:
		case <-alive.C:
			extend()
			if _, err := fmt.Fprint(w, ": alive\n\n"); err != nil {
				return
			}
		}
	}
}
