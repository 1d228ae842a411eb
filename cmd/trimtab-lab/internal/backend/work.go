package backend

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	// DemandHeader carries a request's work: seconds of one core at speed 1.
	DemandHeader = "X-Demand"
	// NameHeader says in a reply which backend served it.
	NameHeader = "X-Backend"
)

// routes are what the backend serves. Every path without a meaning of its own
// is work.
func (b *Backend) routes(s *server) http.Handler {
	mux := http.NewServeMux()
	metrics := promhttp.HandlerFor(b.registry, promhttp.HandlerOpts{})
	mux.Handle("GET /metrics", b.unlessHung(metrics))
	mux.Handle("GET /load", b.unlessHung(http.HandlerFunc(b.serveLoad)))
	mux.Handle("GET /health", b.unlessHung(http.HandlerFunc(serveHealth)))
	mux.HandleFunc("GET /faults", b.serveFaults)
	mux.HandleFunc("PUT /faults", b.changeFaults)
	mux.Handle("/ws", b.unlessHung(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.serveSocket(s, w, r)
	})))
	mux.Handle("/", b.unlessHung(http.HandlerFunc(b.serveWork)))
	return mux
}

func (b *Backend) unlessHung(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b.gate.pass(r.Context()) != nil {
			abort()
		}
		h.ServeHTTP(w, r)
	})
}

// serveHealth is well whatever FailShare says: a check that a failing
// application passes is what makes a fail-fast backend a black hole.
func serveHealth(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, "ok\n")
}

func (b *Backend) serveWork(w http.ResponseWriter, r *http.Request) {
	demand, err := parseDemand(r.Header.Get(DemandHeader))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set(NameHeader, b.cfg.Name)
	if b.fails() {
		b.station.tally(func(c *counts) { c.failed++ })
		http.Error(w, "failing on demand", http.StatusInternalServerError)
		return
	}
	b.station.tally(func(c *counts) { c.openRequests++ })
	err = b.station.do(r.Context(), demand)
	b.station.tally(func(c *counts) {
		c.openRequests--
		if err == nil {
			c.served++
		}
	})
	if err != nil {
		abort()
	}
	_, _ = io.WriteString(w, "ok\n")
}

// abort closes the connection without an answer, the only way in which
// net/http lets a handler do so. Returning would answer 200.
func abort() { panic(http.ErrAbortHandler) }

// parseDemand reads a demand in seconds; none is no work at all.
func parseDemand(text string) (float64, error) {
	if text == "" {
		return 0, nil
	}
	d, err := strconv.ParseFloat(text, 64)
	if err != nil || !(d >= 0) || math.IsInf(d, 1) {
		return 0, fmt.Errorf("%s: %q is not a number of seconds", DemandHeader, text)
	}
	return d, nil
}

func (b *Backend) serveFaults(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(b.Faults())
}

// maxFaults bounds the body of a change of faults.
const maxFaults = 4 << 10

func (b *Backend) changeFaults(w http.ResponseWriter, r *http.Request) {
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxFaults))
	body.DisallowUnknownFields()
	var f Faults
	if err := body.Decode(&f); err != nil {
		http.Error(w, fmt.Sprintf("faults: %v", err), http.StatusBadRequest)
		return
	}
	if f.Refuse {
		http.Error(w, "faults: a backend that refuses connections could not be told to stop: use hang", http.StatusBadRequest)
		return
	}
	if err := b.SetFaults(r.Context(), f); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	b.serveFaults(w, r)
}
