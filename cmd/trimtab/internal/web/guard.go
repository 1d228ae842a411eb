package web

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
)

// guard is what stands before every handler: it refuses what a browser was
// tricked into sending, and keeps a handler's failure to its own request.
func (s *server) guard(next http.Handler) http.Handler {
	next = http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.recovered(w, r)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if rebound(r, s.AllowedHosts) {
			http.Error(w, fmt.Sprintf("host %q is not this server: use localhost or its address", r.Host), http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// rebound is true for a request that arrived on a loopback address under a
// foreign name: a page on the internet had its name resolve to this machine
// (DNS rebinding), which makes it same-origin and lets it read the answers. A
// request without Host comes from no browser.
func rebound(r *http.Request, allowed []string) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || !local.IP.IsLoopback() || r.Host == "" {
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if ip, err := netip.ParseAddr(host); err == nil {
		return !ip.Unmap().IsLoopback()
	}
	return host != "localhost" && !slices.Contains(allowed, host)
}

func (s *server) recovered(w http.ResponseWriter, r *http.Request) {
	switch err := recover(); err {
	case nil:
	case http.ErrAbortHandler:
		panic(err) // the server's own way to drop a connection
	default:
		s.Logger.Error("admin request failed", "method", r.Method, "path", r.URL.Path, "panic", err, "stack", string(debug.Stack()))
		http.Error(w, "internal error, see the log", http.StatusInternalServerError)
	}
}
