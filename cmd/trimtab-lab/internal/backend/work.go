package backend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	// DemandHeader carries a request's work: seconds of one core at speed 1.
	DemandHeader = "X-Demand"
	// WaitHeader carries for how many seconds a request is open after its work
	// without using a core.
	WaitHeader = "X-Wait"
	// NameHeader says in a reply which backend served it.
	NameHeader = "X-Backend"
	// ServedHeader says in a reply for how many seconds the request was here by the
	// exact instants, whatever the timers' lateness: what a client saw more is the
	// way, and this emulation.
	ServedHeader = "X-Served"
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
	came := time.Now()
	demand, err := parseSeconds(DemandHeader, r.Header.Get(DemandHeader))
	wait, waitErr := parseSeconds(WaitHeader, r.Header.Get(WaitHeader))
	if err := errors.Join(err, waitErr); err != nil {
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
	status, left := b.work(r.Context(), came, demand, wait)
	b.station.tally(func(c *counts) {
		c.openRequests--
		switch status {
		case http.StatusOK:
			c.served++
		case aborted:
		default:
			c.failed++
		}
	})
	if status == aborted {
		abort()
	}
	b.addReport(w.Header())
	w.Header().Set(ServedHeader, strconv.FormatFloat(left.Sub(came).Seconds(), 'f', 6, 64))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, strings.ToLower(http.StatusText(status))+"\n")
}

// aborted is the status of a request that is not answered.
const aborted = 0

// work is a request's time here: its work, then its wait and the distance. It
// returns the answer's status and the exact instant at which it is due.
func (b *Backend) work(ctx context.Context, came time.Time, demand, wait float64) (status int, left time.Time) {
	status = http.StatusOK
	switch c := b.Condition(); {
	case c.Hang > 0:
		status, left = http.StatusGatewayTimeout, came.Add(c.Hang)
		if sleepUntil(ctx, left) != nil {
			return aborted, left
		}
		return status, left
	case c.ErrorShare > 0 && rand.Float64() < c.ErrorShare:
		status, demand, wait = http.StatusInternalServerError, FailCost*demand, 0
	}
	left, err := b.station.do(ctx, demand)
	if err != nil {
		return aborted, left
	}
	c := b.Condition()
	left = left.Add(c.Distance + time.Duration(wait*c.WaitFactor*float64(time.Second)))
	if sleepUntil(ctx, left) != nil {
		return aborted, left
	}
	return status, left
}

// abort closes the connection without an answer, the only way in which
// net/http lets a handler do so. Returning would answer 200.
func abort() { panic(http.ErrAbortHandler) }

// parseSeconds reads a header with a time in seconds; none is 0.
func parseSeconds(header, text string) (float64, error) {
	if text == "" {
		return 0, nil
	}
	d, err := strconv.ParseFloat(text, 64)
	if err != nil || !(d >= 0) || math.IsInf(d, 1) {
		return 0, fmt.Errorf("%s: %q is not a number of seconds", header, text)
	}
	return d, nil
}
