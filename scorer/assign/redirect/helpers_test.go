package redirect

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/assign/internal/assigntest"
)

func server(t testing.TB) *Server {
	t.Helper()
	s, err := Listen(context.Background(), Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// running is a server that answers until the test is over.
func running(t testing.TB) *Server {
	t.Helper()
	s := server(t)
	assigntest.Run(t, s)
	return s
}

func backends() []scorer.Backend { return assigntest.Backends("10.0.0.1:8080", "10.0.0.2:8080") }

// target follows a plan for the backends, which are all as busy.
func target(t testing.TB, s *Server, o Options, backends ...scorer.Backend) *Target {
	t.Helper()
	if o.URL == "" {
		o.URL = "ws://{address}{path}"
	}
	o.Placement.Full = -1
	out, err := s.Target("ws", o)
	if err != nil {
		t.Fatal(err)
	}
	out.SetBackends(backends)
	if _, err := out.Apply(t.Context(), assigntest.Plan(time.Now(), backends, nil)); err != nil {
		t.Fatal(err)
	}
	return out
}

func get(path string, change func(*http.Request)) *http.Request {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.RemoteAddr = net.JoinHostPort("192.0.2.1", "40000")
	if change != nil {
		change(r)
	}
	return r
}

func serve(h http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}
