package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/token"
	"github.com/trimtab-lb/trimtab/scorer/source"
)

const (
	// reportsPath takes pushed load reports. It has rules of its own for tokens: see
	// [Options.Push].
	reportsPath = "/api/v1/reports"
	// maxPush bounds a request's body, maxReports the reports in it.
	maxPush    = 1 << 20
	maxReports = 10_000
	// pushTimeout is how long a body may take to arrive.
	pushTimeout = 10 * time.Second
	// pushRate is how many requests a second are taken from one address on the
	// average, pushBurst how many at once.
	pushRate  = 100
	pushBurst = 200
)

// What pushing can fail by, beside [ErrNotFound] and [ErrBadRequest].
var (
	ErrUnauthorized = errors.New("unauthorized")
	ErrForbidden    = errors.New("forbidden")
	ErrUnavailable  = errors.New("not ready")
)

// Pusher is who sends load reports.
type Pusher struct {
	// Token is the bearer token that is shown, "" for none.
	Token string
	// Admin is that the request would be allowed to change anything: it shows the
	// admin token, or comes over a loopback address where there is none.
	Admin bool
}

// PushFunc takes load reports, all of them or none.
type PushFunc func(ctx context.Context, by Pusher, reports []source.PushRequest) error

// taken is the answer to a push.
type taken struct {
	Taken int `json:"taken"`
}

// push is POST /api/v1/reports.
func (s *server) push(limit *rateLimit) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if wait := limit.take(time.Now(), hostOf(r.RemoteAddr)); wait > 0 {
			w.Header().Set("Retry-After", fmt.Sprint(int(wait.Seconds())+1))
			s.writeJSON(w, http.StatusTooManyRequests, apiError{fmt.Sprintf("more than %d requests a second: send several reports in one", pushRate)})
			return
		}
		by := s.pusher(r)
		var err error
		if !by.Admin && by.Token == "" {
			err = fmt.Errorf("%w: POST %s needs a token (Authorization: Bearer …)", ErrUnauthorized, reportsPath)
		}
		var reports []source.PushRequest
		if err == nil {
			reports, err = readReports(w, r)
		}
		if err == nil {
			err = s.Push(r.Context(), by, reports)
		}
		if err != nil {
			s.refusePush(w, r, by, err)
			return
		}
		s.writeJSON(w, http.StatusOK, taken{len(reports)})
	}
}

// pusher finds out who sends.
func (s *server) pusher(r *http.Request) Pusher {
	by := Pusher{}
	if scheme, got, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, token.Scheme) {
		by.Token = strings.TrimLeft(got, " ")
	}
	switch {
	case s.TokenFile == "":
		by.Admin = !fromAfar(r)
	case by.Token != "":
		// Pools with tokens of their own do not depend on the file.
		want, err := s.admin.read()
		by.Admin = err == nil && token.Equal(by.Token, want)
	}
	return by
}

func readReports(w http.ResponseWriter, r *http.Request) ([]source.PushRequest, error) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(pushTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPush))
	if err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			return nil, err
		}
		return nil, fmt.Errorf("%w: read the body: %w", ErrBadRequest, err)
	}
	reports, err := source.DecodePush(body, maxReports)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadRequest, err)
	}
	return reports, nil
}

func (s *server) refusePush(w http.ResponseWriter, r *http.Request, by Pusher, err error) {
	_, large := errors.AsType[*http.MaxBytesError](err)
	switch {
	case large:
		s.writeJSON(w, http.StatusRequestEntityTooLarge, apiError{fmt.Sprintf("the body is larger than %d KiB: send fewer reports at once", maxPush>>10)})
	case errors.Is(err, ErrUnauthorized):
		challenge := token.Scheme + ` realm="trimtab"`
		if by.Token != "" {
			challenge += `, error="invalid_token"`
			s.Logger.Warn("load report with a wrong token", "from", r.RemoteAddr)
		}
		w.Header().Set("WWW-Authenticate", challenge)
		s.writeJSON(w, http.StatusUnauthorized, apiError{err.Error()})
	case errors.Is(err, ErrForbidden):
		s.writeJSON(w, http.StatusForbidden, apiError{err.Error()})
	case errors.Is(err, ErrUnavailable):
		w.Header().Set("Retry-After", "1")
		s.writeJSON(w, http.StatusServiceUnavailable, apiError{err.Error()})
	default:
		s.refuseError(w, err)
	}
}
