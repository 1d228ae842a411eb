package web

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/token"
)

// authorize lets a request pass that changes nothing or shows the token. What
// needs one although it only reads are profiles that are asked for from another
// machine, which hold parts of the memory, and recordings, which hold all that a pool
// knows and cost it room for as long as they last.
//
// Without a token file, whatever needs a token is open on a loopback address
// and closed on any other.
func (s *server) authorize(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !needsToken(r), s.TokenFile == "" && !fromAfar(r), s.pushes(r):
			next.ServeHTTP(w, r)
		case s.TokenFile == "":
			s.refuse(w, r, http.StatusForbidden, "this needs a token away from loopback: set admin.token_file")
		default:
			s.askToken(w, r, next)
		}
	})
}

// pushes is true for load reports, for which each pool may have a token of its own.
func (s *server) pushes(r *http.Request) bool {
	return s.Push != nil && r.Method == http.MethodPost && r.URL.Path == reportsPath
}

func needsToken(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		recorded := strings.HasPrefix(r.URL.Path, poolsPath) && !strings.HasSuffix(r.URL.Path, observationPath)
		return recorded || strings.HasPrefix(r.URL.Path, "/debug/") && fromAfar(r)
	default:
		return true
	}
}

// fromAfar is true for a request that arrived on another address than a
// loopback one.
func fromAfar(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && !local.IP.IsLoopback()
}

// askToken checks a request against what the file holds at that moment: a token
// taken back is worth nothing from then on.
func (s *server) askToken(w http.ResponseWriter, r *http.Request, next http.Handler) {
	want, err := s.admin.read()
	if err != nil {
		s.refuse(w, r, http.StatusServiceUnavailable, "the token file cannot be used, see the log: nothing can be changed")
		return
	}
	scheme, got, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, token.Scheme) || !token.Equal(strings.TrimLeft(got, " "), want) {
		challenge := token.Scheme + ` realm="trimtab"`
		if got != "" {
			challenge += `, error="invalid_token"`
			s.Logger.Warn("admin request with a wrong token", "method", r.Method, "path", r.URL.Path, "from", r.RemoteAddr)
		}
		w.Header().Set("WWW-Authenticate", challenge)
		s.refuse(w, r, http.StatusUnauthorized, fmt.Sprintf("%s %s needs the token of admin.token_file (Authorization: Bearer …)", r.Method, r.URL.Path))
		return
	}
	next.ServeHTTP(w, r)
}

// tokenFile is where the admin token is.
type tokenFile struct {
	path string
	log  *slog.Logger

	mu       sync.Mutex
	lastSaid string
}

func (f *tokenFile) read() (string, error) {
	secret, err := token.Read(f.path)
	f.say(err)
	return secret, err
}

// say logs what is wrong with the file when that changes, not once for each
// request that anybody may send.
func (f *tokenFile) say(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case text == f.lastSaid:
	case text == "":
		f.log.Info("the admin token can be read again", "file", f.path)
	default:
		f.log.Error("no changes are taken over the admin address", "error", err)
	}
	f.lastSaid = text
}

// refuse answers in the form of what was asked for.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, code int, why string) {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		s.writeJSON(w, code, apiError{why})
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, why, code)
}
