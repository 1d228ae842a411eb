package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
)

// Drainer is told that its backend wants no new work, or wants some again. A
// [Reporter] is one.
type Drainer interface{ SetDraining(draining bool) }

// Endpoints are the load report and the hooks over HTTP. They are for those who
// balance load, not for the world: serve them at an address of their own.
//
//	GET  /load     the load report as JSON, with ORCA's names
//	POST /shed     {"connections": 3, "by": "trimtab", "order": "oldest", "reason": "…"}
//	               answers {"asked": 3, "open": 120, "movable": 117}; fewer than that
//	               are asked with "limited": true, "limit": 12, per second
//	POST /drain    no new work is wanted; POST /undrain ends that
//
// Hooks want the header "Authorization: Bearer TOKEN": without it they answer
// 401, with another token 403.
type Endpoints struct {
	// Load is required.
	Load Source
	// Shed and Drain do what the hooks are asked for. Those that are nil are
	// not there.
	Shed  Shedder
	Drain Drainer
	// Token returns the token, at each request, so that it can be replaced.
	// Hooks answer 403 to all while it is nil, fails or returns "".
	Token func() (string, error)
	// Logger is told who is refused. Default: none.
	Logger *slog.Logger
}

// maxShedBody is far above any request to shed.
const maxShedBody = 4 << 10

// Handler serves the endpoints.
func (e Endpoints) Handler() http.Handler {
	if e.Logger == nil {
		e.Logger = slog.New(slog.DiscardHandler)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /load", func(w http.ResponseWriter, _ *http.Request) { e.answer(w, http.StatusOK, e.Load.Load()) })
	if e.Shed != nil {
		mux.Handle("POST /shed", e.guarded(e.shed))
	}
	if e.Drain != nil {
		mux.Handle("POST /drain", e.guarded(e.drain(true)))
		mux.Handle("POST /undrain", e.guarded(e.drain(false)))
	}
	return mux
}

func (e Endpoints) shed(w http.ResponseWriter, r *http.Request) {
	request, err := decodeShed(http.MaxBytesReader(w, r.Body, maxShedBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer, err := e.Shed.Shed(r.Context(), request)
	if err != nil {
		e.Logger.Error("connections cannot be asked to leave", "by", request.By, "error", err)
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	status := http.StatusOK
	if answer.Asked == 0 && answer.Limited {
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", "1")
	}
	e.answer(w, status, answer)
}

func (e Endpoints) drain(draining bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		e.Drain.SetDraining(draining)
		e.Logger.Info("draining was set", "draining", draining, "from", r.RemoteAddr)
		e.answer(w, http.StatusOK, map[string]bool{"draining": draining})
	}
}

func (e Endpoints) answer(w http.ResponseWriter, status int, what any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// An error is the client's having left.
	_ = json.NewEncoder(w).Encode(what)
}

// decodeShed reads a request to shed. Of fields that it doesn't know it takes no
// notice, as a newer trimtab may send some.
func decodeShed(body io.Reader) (ShedRequest, error) {
	var request ShedRequest
	if err := json.NewDecoder(body).Decode(&request); err != nil {
		return request, fmt.Errorf("not a request to shed: %w", err)
	}
	switch {
	case request.Connections < 1:
		return request, fmt.Errorf("connections %d: want at least 1", request.Connections)
	case request.Order != "" && request.Order != Oldest && request.Order != Youngest:
		return request, fmt.Errorf("order %.40q: want %q or %q", request.Order, Oldest, Youngest)
	}
	for _, text := range []string{request.By, request.Reason} {
		if len(text) > 1000 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return request, errors.New("by and reason: want at most 1000 bytes of one line")
		}
	}
	return request, nil
}
