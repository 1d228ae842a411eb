package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/printable"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// What a command's error is to HTTP; any other is 500.
var (
	ErrNotFound   = errors.New("not found")
	ErrBadRequest = errors.New("bad request")
	ErrConflict   = errors.New("conflict")
)

const (
	// maxOrder bounds a request's body, maxWords who ordered something and why.
	maxOrder = 16 << 10
	maxWords = 200
)

// order is the body of POST /api/v1/pools/{pool}/{verb}.
type order struct {
	Backend string `json:"backend"`
	// Backends are several, in place of Backend.
	Backends []string `json:"backends"`
	// Over is a duration such as 5m.
	Over   string  `json:"over"`
	Weight float64 `json:"weight"`
	On     *bool   `json:"on"`
	Force  bool    `json:"force"`
	Who    string  `json:"who"`
	Why    string  `json:"why"`
}

// carriedOut is the answer to an order.
type carriedOut struct {
	Done string `json:"done"`
	// Warning is what is not as good as it could be all the same, or "".
	Warning string `json:"warning"`
}

func (s *server) order(w http.ResponseWriter, r *http.Request) {
	c, err := readOrder(w, r)
	if err == nil {
		var warning string
		if warning, err = s.Command(r.Context(), r.PathValue("pool"), c); err == nil {
			s.writeJSON(w, http.StatusOK, carriedOut{c.String(), warning})
			return
		}
	}
	s.refuseError(w, err)
}

// refuseError answers with what a command's error is to HTTP.
func (s *server) refuseError(w http.ResponseWriter, err error) {
	code := http.StatusInternalServerError
	switch {
	case errors.Is(err, ErrNotFound):
		code = http.StatusNotFound
	case errors.Is(err, ErrBadRequest):
		code = http.StatusBadRequest
	case errors.Is(err, ErrConflict):
		code = http.StatusConflict
	}
	s.writeJSON(w, code, apiError{err.Error()})
}

func readOrder(w http.ResponseWriter, r *http.Request) (tuner.Command, error) {
	verb := tuner.Verb(r.PathValue("verb"))
	var needsBackend, takesSeveral, needsOn bool
	switch verb {
	case tuner.Pin, tuner.Unpin:
		needsBackend = true
	case tuner.Drain, tuner.Undrain:
		needsBackend, takesSeveral = true, true
	case tuner.SetDry:
		needsOn = true
	case tuner.Freeze, tuner.Unfreeze, tuner.Rebalance:
	default:
		return tuner.Command{}, fmt.Errorf("%w: no such path: %s", ErrNotFound, r.URL.Path)
	}
	var o order
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxOrder))
	body.DisallowUnknownFields()
	if err := body.Decode(&o); err != nil && !errors.Is(err, io.EOF) {
		return tuner.Command{}, fmt.Errorf("%w: the body is not such JSON as {\"backend\": …}: %w", ErrBadRequest, err)
	}
	switch {
	case len(o.Backends) > 0 && (!takesSeveral || o.Backend != "" || slices.Contains(o.Backends, "")):
		return tuner.Command{}, fmt.Errorf("%w: backends are for drain and undrain, in place of backend, and have names", ErrBadRequest)
	case needsBackend && o.Backend == "" && len(o.Backends) == 0:
		return tuner.Command{}, fmt.Errorf("%w: %s needs a backend", ErrBadRequest, verb)
	case needsOn && o.On == nil:
		return tuner.Command{}, fmt.Errorf("%w: %s needs on, true or false", ErrBadRequest, verb)
	}
	over, err := readOver(verb, o.Over)
	if err != nil {
		return tuner.Command{}, err
	}
	if o.Who == "" {
		o.Who = r.RemoteAddr
	}
	return tuner.Command{
		Verb: verb, Backend: o.Backend, Backends: o.Backends, Over: over, Weight: o.Weight, On: needsOn && *o.On, Force: o.Force,
		Order: scorer.Order{Who: words(o.Who), Why: words(o.Why), At: time.Now().UTC().Truncate(time.Millisecond)},
	}, nil
}

// readOver reads the time that a drain is spread over; "" is none.
func readOver(verb tuner.Verb, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	over, err := time.ParseDuration(text)
	if err != nil || over < time.Second || verb != tuner.Drain {
		return 0, fmt.Errorf("%w: over %q: it is for drain, a duration such as 5m, at least 1s", ErrBadRequest, text)
	}
	return over, nil
}

// words makes what somebody wrote fit for a line of a table and of a log.
func words(s string) string {
	s = printable.Line(s)
	if runes := []rune(s); len(runes) > maxWords {
		s = string(runes[:maxWords-1]) + "…"
	}
	return s
}
