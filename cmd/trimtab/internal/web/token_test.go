package web

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

func withToken(t *testing.T, secret string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "token")
	replaceToken(t, file, secret)
	return file
}

// replaceToken puts a new file in the old one's place at once.
func replaceToken(t *testing.T, file, secret string) {
	t.Helper()
	if err := os.WriteFile(file+".new", []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// arriving is a request that came to a local address, with a token if there is
// one.
func arriving(local, authorization string) func(*http.Request) {
	return func(r *http.Request) {
		*r = *r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.ParseIP(local)}))
		r.Host = local
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
	}
}

func TestWhatNeedsAToken(t *testing.T) {
	o := options(good())
	var reloads atomic.Int32
	o.Reload = func(context.Context) error { reloads.Add(1); return nil }
	open := handler(t, o)
	o.TokenFile = withToken(t, "s3cret")
	guarded := handler(t, o)
	const loopback, afar = "127.0.0.1", "10.0.0.1"
	for _, tt := range []struct {
		name                string
		h                   http.Handler
		local, method, path string
		authorization       string
		code                int
	}{
		{"right token", guarded, loopback, "POST", "/-/reload", "Bearer s3cret", 200},
		{"right token from afar", guarded, afar, "POST", "/-/reload", "Bearer s3cret", 200},
		{"scheme in small letters", guarded, loopback, "POST", "/-/reload", "bearer  s3cret", 200},
		{"no token", guarded, loopback, "POST", "/-/reload", "", 401},
		{"no token from afar", guarded, afar, "POST", "/-/reload", "", 401},
		{"wrong token", guarded, loopback, "POST", "/-/reload", "Bearer s3cre", 401},
		{"longer token", guarded, loopback, "POST", "/-/reload", "Bearer s3cret2", 401},
		{"empty token", guarded, loopback, "POST", "/-/reload", "Bearer ", 401},
		{"other scheme", guarded, loopback, "POST", "/-/reload", "Basic s3cret", 401},
		{"no scheme", guarded, loopback, "POST", "/-/reload", "s3cret", 401},
		{"method that changes", guarded, loopback, "DELETE", "/api/v1/status", "", 401},
		{"method nobody knows", guarded, loopback, "BREW", "/-/reload", "", 401},
		{"path that is not there", guarded, loopback, "POST", "/api/v1/pools/x/none", "", 401},
		{"path that is not there, with token", guarded, loopback, "POST", "/api/v1/pools/x/none", "Bearer s3cret", 404},
		{"reading", guarded, afar, "GET", "/api/v1/status", "", 200},
		{"reading only the header", guarded, afar, "HEAD", "/metrics", "", 200},
		{"health", guarded, afar, "GET", "/healthz", "", 200},
		{"profiles on loopback", guarded, loopback, "GET", "/debug/pprof/cmdline", "", 200},
		{"profiles from afar", guarded, afar, "GET", "/debug/pprof/heap", "", 401},
		{"profiles from afar by an odd path", guarded, afar, "GET", "/%64ebug/pprof/cmdline", "", 401},
		{"profiles from afar with the token", guarded, afar, "GET", "/debug/pprof/cmdline", "Bearer s3cret", 200},
		{"no token file, loopback", open, loopback, "POST", "/-/reload", "", 200},
		{"no token file, from afar", open, afar, "POST", "/-/reload", "", 403},
		{"no token file, any token from afar", open, afar, "POST", "/-/reload", "Bearer s3cret", 403},
		{"no token file, profiles from afar", open, afar, "GET", "/debug/pprof/", "", 403},
		{"no token file, reading from afar", open, afar, "GET", "/metrics", "", 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := reloads.Load()
			w := ask(tt.h, tt.method, tt.path, arriving(tt.local, tt.authorization))
			if w.Code != tt.code {
				t.Errorf("status %d, want %d: %s", w.Code, tt.code, w.Body)
			}
			if ran := reloads.Load() > before; ran != (tt.code == 200 && tt.path == "/-/reload") {
				t.Errorf("reloaded: %v", ran)
			}
			challenge := w.Header().Get("WWW-Authenticate")
			if (tt.code == 401) != strings.HasPrefix(challenge, `Bearer realm="trimtab"`) {
				t.Errorf("WWW-Authenticate %q with status %d", challenge, w.Code)
			}
			isJSON := strings.HasPrefix(w.Header().Get("Content-Type"), "application/json")
			if wantJSON := strings.HasPrefix(tt.path, "/api/"); w.Code >= 400 && isJSON != wantJSON {
				t.Errorf("error as %q", w.Header().Get("Content-Type"))
			}
			if strings.Contains(w.Body.String(), "s3cret") {
				t.Errorf("the answer %s tells the token", w.Body)
			}
		})
	}
}

func TestTokenIsReplacedAndTakenBack(t *testing.T) {
	var log strings.Builder
	o := options(good())
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	o.TokenFile = withToken(t, "first")
	h := handler(t, o)
	reload := func(secret string) int {
		return ask(h, "POST", "/-/reload", arriving("127.0.0.1", "Bearer "+secret)).Code
	}
	if a, b := reload("first"), reload("second"); a != 200 || b != 401 {
		t.Errorf("at first: %d and %d", a, b)
	}
	replaceToken(t, o.TokenFile, "second")
	if a, b := reload("first"), reload("second"); a != 401 || b != 200 {
		t.Errorf("after it was replaced: %d and %d", a, b)
	}
	for name, damage := range map[string]func() error{
		"emptied": func() error { return os.Truncate(o.TokenFile, 0) },
		"opened":  func() error { return os.Chmod(o.TokenFile, 0o644) },
		"removed": func() error { return os.Remove(o.TokenFile) },
	} {
		replaceToken(t, o.TokenFile, "second")
		reload("second")
		log.Reset()
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"second", "first", "", "second"} {
			if code := reload(secret); code != http.StatusServiceUnavailable {
				t.Errorf("%s, token %q: status %d, want 503", name, secret, code)
			}
		}
		if n := strings.Count(log.String(), "level=ERROR"); n != 1 || !strings.Contains(log.String(), o.TokenFile) {
			t.Errorf("%s: the log says it %d times, want once:\n%s", name, n, log.String())
		}
	}
	replaceToken(t, o.TokenFile, "third")
	if code := reload("third"); code != 200 || !strings.Contains(log.String(), "can be read again") {
		t.Errorf("status %d after the file came back, log\n%s", code, log.String())
	}
}

// While the token is replaced over and over, a request sees one or the other.
func TestTokenIsReplacedUnderRequests(t *testing.T) {
	o := options(good())
	o.Snapshots = func() []*tuner.Snapshot { return nil }
	o.TokenFile = withToken(t, "a")
	h := handler(t, o)
	done := make(chan struct{})
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				one := ask(h, "POST", "/-/reload", arriving("127.0.0.1", "Bearer a")).Code
				never := ask(h, "POST", "/-/reload", arriving("127.0.0.1", "Bearer c")).Code
				if one != 200 && one != 401 || never != 401 {
					t.Errorf("status %d with one of the tokens, %d with none", one, never)
					return
				}
			}
		})
	}
	began := time.Now()
	for i := range 500 {
		replaceToken(t, o.TokenFile, string("ab"[i%2]))
	}
	close(done)
	group.Wait()
	t.Logf("500 tokens in %v", time.Since(began))
}
