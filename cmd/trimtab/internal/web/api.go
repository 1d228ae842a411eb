package web

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
)

func (s *server) status(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		s.writeJSON(w, http.StatusMethodNotAllowed, apiError{"method " + r.Method + " is not allowed, use GET"})
		return
	}
	head := status.Document{Version: s.Version}
	if s.ConfigState != nil {
		head.Config = configOf(s.ConfigState())
	}
	if s.XDS != nil {
		x := s.XDS()
		head.XDS = status.FromNodes(x.Listen, x.Nodes, time.Now())
	}
	header(w, http.StatusOK)
	if err := status.Write(w, head, s.Snapshots()); err != nil && r.Context().Err() == nil {
		s.Logger.Warn("status was not written to its end", "error", err)
	}
}

func configOf(c ConfigState) *status.Config {
	out := &status.Config{Hash: c.Hash, LastReloadOK: c.Err == nil}
	if !c.At.IsZero() {
		out.LastReloadAt = &c.At
	}
	if c.Err != nil {
		out.LastError = c.Err.Error()
	}
	return out
}

type apiError struct {
	Error string `json:"error"`
}

func (s *server) apiNotFound(w http.ResponseWriter, r *http.Request) {
	s.writeJSON(w, http.StatusNotFound, apiError{"no such path: " + r.URL.Path})
}

func (s *server) writeJSON(w http.ResponseWriter, code int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		s.Logger.Error("cannot write an answer as JSON", "error", err)
		http.Error(w, `{"error":"internal error, see the log"}`, http.StatusInternalServerError)
		return
	}
	header(w, code)
	_, _ = w.Write(append(data, '\n')) // a client that has left is no news
}

func header(w http.ResponseWriter, code int) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
}
