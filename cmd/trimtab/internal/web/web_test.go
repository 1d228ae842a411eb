package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/client"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/notify/webhook"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/haproxy"
	"github.com/trimtab-lb/trimtab/haproxy/agentcheck"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/source"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
	"github.com/trimtab-lb/trimtab/xds"
	"github.com/trimtab-lb/trimtab/xds/discovery"
)

func good() *tuner.Snapshot {
	return &tuner.Snapshot{
		Plan: scorer.Plan{
			Pool: "ws", Seq: 7, At: time.Now(), Law: "capacity", Imbalance: 1.1,
			Scale: &scorer.ScaleAdvice{Known: true, Backends: 2, Wanted: 3, Utilization: 0.8, Ahead: 0.9, Why: "1 more"},
			Decisions: []scorer.Decision{
				{
					Backend: "ws1", Weight: 1.2, State: scorer.StateReady, Score: 1.1, InFlight: 3, RPS: 5,
					EPS: math.NaN(), Latency: 0.1, Utilization: math.NaN(), ReportAge: time.Second,
				},
				{
					Backend: "ws2\xff", Weight: 0.8, State: scorer.StateUnknown, Score: math.NaN(), InFlight: math.NaN(),
					RPS: math.NaN(), EPS: math.NaN(), Latency: math.NaN(), Utilization: 0.5, ReportAge: -1,
				},
			},
		},
		Started: time.Now().Add(-time.Minute), StepTime: time.Millisecond, Moves: 3, Ejections: 1,
		Reports: 40, Unmatched: 2, LastReport: time.Now(),
		Targets: []tuner.TargetStatus{{
			Name: "haproxy:/s", InSync: true, Applies: 7, Failures: 1, LastApply: time.Millisecond,
			InForce: scorer.InForce{Shares: []scorer.Share{{Backend: "ws1", Weight: 1.2, Applied: 120}}},
		}},
		Sources: []tuner.SourceStatus{{Name: "haproxy:/s", Restarts: 1}},
	}
}

// with is a good snapshot, changed.
func with(edit func(*tuner.Snapshot)) *tuner.Snapshot {
	s := good()
	edit(s)
	return s
}

func options(snaps ...*tuner.Snapshot) Options {
	return Options{
		Version:   "1.2.3",
		Snapshots: func() []*tuner.Snapshot { return snaps },
		Proxies:   func() []Proxy { return []Proxy{{"haproxy:/s", haproxy.Stats{Polls: 4}}} },
		Listeners: func() []Listener { return []Listener{{"agent_check::9901", agentcheck.Stats{Answered: 3}}} },
		Assignments: func() []Assignments {
			return []Assignments{{"redirect::8090", AssignmentStats{"ws", map[string]uint64{"ws1": 5}, map[string]uint64{"full": 1}}}}
		},
		XDS: func() XDS {
			return XDS{
				Listen: ":18000",
				Nodes: []xds.Node{
					{NodeStatus: discovery.NodeStatus{ID: "edge-1", View: "envoy", Connected: time.Now()}, LastReport: time.Now()},
					{NodeStatus: discovery.NodeStatus{ID: "edge-2", View: "envoy", Connected: time.Now()}},
				},
				Counters: discovery.Counters{Streams: 2, Types: map[string]discovery.TypeCounters{
					resourcev3.EndpointType: {Responses: 10, Acks: 8, Nacks: 1},
				}},
			}
		},
		Webhooks: func() []Webhook { return []Webhook{{"ws", webhook.Status{Tries: 3, Failures: 1}}} },
		Polls: func() []Polls {
			return []Polls{{Pool: "ws", Source: "http:{address}/load", Backends: []source.BackendStatus{
				{Backend: "ws1", Polled: true, Polls: 9, Reports: 8, Failures: 1, Dropped: map[source.Reason]uint64{source.Percent: 2}},
				{Backend: "ws2"},
			}}}
		},
		ConfigState: func() ConfigState {
			return ConfigState{Hash: "abc", At: time.Unix(1000, 0), SuccessAt: time.Unix(1000, 0)}
		},
		Reload: func(context.Context) error { return nil },
	}
}

func handler(t *testing.T, o Options) http.Handler {
	t.Helper()
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func ask(h http.Handler, method, path string, edits ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for _, edit := range edits {
		edit(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestRoutes(t *testing.T) {
	h := handler(t, options(good()))
	for _, tt := range []struct {
		method, path string
		code         int
		contentType  string
		body         string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8", "<h1>trimtab 1.2.3</h1>"},
		{"GET", "/api/v1/status", 200, "application/json", `"version":"1.2.3","config":{"hash":"abc","last_reload_ok":true`},
		{"POST", "/api/v1/status", 405, "application/json", `{"error":"method POST is not allowed, use GET"}`},
		{"GET", "/api/v1/stats", 404, "application/json", `{"error":"no such path: /api/v1/stats"}`},
		{"GET", "/metrics", 200, "text/plain; version=0.0.4; charset=utf-8; escaping=underscores", "trimtab_backend_weight{backend=\"ws1\",pool=\"ws\"} 1.2"},
		{"GET", "/healthz", 200, "text/plain; charset=utf-8", "ok\n"},
		{"GET", "/-/healthy", 200, "text/plain; charset=utf-8", "ok\n"},
		{"GET", "/readyz", 200, "text/plain; charset=utf-8", "ok\n"},
		{"GET", "/-/ready", 200, "text/plain; charset=utf-8", "ok\n"},
		{"POST", "/-/reload", 200, "text/plain; charset=utf-8", "reloaded\n"},
		{"GET", "/-/reload", 405, "text/plain; charset=utf-8", "Method Not Allowed"},
		{"GET", "/debug/pprof/", 200, "text/html; charset=utf-8", "goroutine"},
		{"GET", "/debug/pprof/cmdline", 200, "text/plain; charset=utf-8", "web.test"},
		{"GET", "/nothing", 404, "text/plain; charset=utf-8", "404 page not found"},
	} {
		t.Run(tt.method+tt.path, func(t *testing.T) {
			w := ask(h, tt.method, tt.path)
			if w.Code != tt.code || !strings.Contains(w.Body.String(), tt.body) {
				t.Errorf("%d %.300s, want %d %q", w.Code, w.Body, tt.code, tt.body)
			}
			got, _, _ := strings.Cut(w.Header().Get("Content-Type"), "; escaping")
			want, _, _ := strings.Cut(tt.contentType, "; escaping")
			if got != want {
				t.Errorf("content type %q, want %q", got, want)
			}
			if w.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Error("a browser may sniff the content type")
			}
		})
	}
}

func TestNothingToReload(t *testing.T) {
	o := options(good())
	o.Reload = nil
	if w := ask(handler(t, o), "POST", "/-/reload"); w.Code != http.StatusNotFound {
		t.Errorf("status %d, want 404", w.Code)
	}
}

func TestReloadFailureIsShownEverywhere(t *testing.T) {
	_, problems := config.Parse("trimtab.yaml", []byte("pools:\n  - nam: ws\n"))
	if problems == nil {
		t.Fatal("the bad file parses")
	}
	var failed atomic.Bool
	o := options(good())
	o.Reload = func(context.Context) error {
		failed.Store(true)
		return problems
	}
	o.ConfigState = func() ConfigState {
		c := ConfigState{Hash: "abc", SuccessAt: time.Unix(1000, 0), At: time.Unix(1000, 0)}
		if failed.Load() {
			c.At, c.Err = time.Unix(2000, 0), problems
		}
		return c
	}
	h := handler(t, o)
	if body := ask(h, "GET", "/metrics").Body.String(); !strings.Contains(body, "\ntrimtab_config_last_reload_successful 1\n") {
		t.Error("the metric does not say that the last load succeeded")
	}
	w := ask(h, "POST", "/-/reload")
	want := "the configuration stays as it was:\n" + problems.Error() + "\n"
	if diff := cmp.Diff(want, w.Body.String()); w.Code != http.StatusInternalServerError || diff != "" {
		t.Errorf("status %d, body (-want +got):\n%s", w.Code, diff)
	}
	metrics := ask(h, "GET", "/metrics").Body.String()
	for _, line := range []string{
		"trimtab_config_last_reload_successful 0",
		"trimtab_config_last_reload_success_timestamp_seconds 1000",
		`trimtab_config_hash{hash="abc"} 1`,
	} {
		if !strings.Contains(metrics, "\n"+line+"\n") {
			t.Errorf("metrics lack %q", line)
		}
	}
	if body := ask(h, "GET", "/api/v1/status").Body.String(); !strings.Contains(body, `"last_reload_ok":false`) || !strings.Contains(body, "did you mean name?") {
		t.Errorf("status does not say that the reload failed: %s", body)
	}
}

func TestCrossOriginPostIsRefused(t *testing.T) {
	o := options(good())
	var reloads atomic.Int32
	o.Reload = func(context.Context) error { reloads.Add(1); return nil }
	h := handler(t, o)
	for _, tt := range []struct {
		name, header, value string
		code                int
	}{
		{"a browser, from another site", "Sec-Fetch-Site", "cross-site", 403},
		{"a browser, from another port", "Sec-Fetch-Site", "same-site", 403},
		{"an old browser", "Origin", "https://evil.example", 403},
		{"a browser, from our own page", "Sec-Fetch-Site", "same-origin", 200},
		{"curl", "User-Agent", "curl", 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := reloads.Load()
			w := ask(h, "POST", "/-/reload", func(r *http.Request) { r.Header.Set(tt.header, tt.value) })
			if w.Code != tt.code {
				t.Errorf("status %d, want %d", w.Code, tt.code)
			}
			if ran := reloads.Load() > before; ran != (tt.code == 200) {
				t.Errorf("reloaded: %v", ran)
			}
		})
	}
}

func TestHostIsChecked(t *testing.T) {
	o := options(good())
	o.AllowedHosts = []string{"trimtab.example"}
	h := handler(t, o)
	for _, tt := range []struct {
		local, host string
		code        int
	}{
		{"127.0.0.1", "127.0.0.1:9902", 200},
		{"127.0.0.1", "127.0.0.9:9902", 200},
		{"127.0.0.1", "localhost:9902", 200},
		{"127.0.0.1", "LOCALHOST.", 200},
		{"::1", "[::1]:9902", 200},
		{"::1", "[::ffff:127.0.0.1]", 200},
		{"127.0.0.1", "", 200},
		{"127.0.0.1", "trimtab.example", 200},
		{"127.0.0.1", "evil.example:9902", 403},
		{"127.0.0.1", "localhost.evil.example", 403},
		{"127.0.0.1", "10.0.0.1:9902", 403},
		{"::1", "evil.example", 403},
		{"10.0.0.1", "anything.example", 200},
	} {
		t.Run(tt.local+" as "+tt.host, func(t *testing.T) {
			w := ask(h, "GET", "/api/v1/status", func(r *http.Request) {
				r.Host = tt.host
				*r = *r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.ParseIP(tt.local)}))
			})
			if w.Code != tt.code {
				t.Errorf("status %d, want %d: %s", w.Code, tt.code, w.Body)
			}
		})
	}
}

func TestHandlerThatFails(t *testing.T) {
	var log strings.Builder
	o := options(good())
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	o.Reload = func(context.Context) error { panic("boom") }
	w := ask(handler(t, o), "POST", "/-/reload")
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "boom") {
		t.Errorf("status %d, body %q", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "panic=boom") {
		t.Errorf("log %q", log.String())
	}
}

func TestNewErrors(t *testing.T) {
	if _, err := New(Options{}); err == nil || !strings.Contains(err.Error(), "Snapshots is required") {
		t.Errorf("error %v", err)
	}
}

// start serves until stop is called and returns the address and how it ended.
func start(t *testing.T, h http.Handler) (addr string, stop func() error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, h) }()
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-done
	}
	t.Cleanup(func() { _ = stop() })
	return l.Addr().String(), stop
}

func TestServe(t *testing.T) {
	addr, stop := start(t, handler(t, options(good())))
	d, err := status.Get(t.Context(), client.Client{Addr: addr})
	if err != nil {
		t.Fatal(err)
	}
	if d.Version != "1.2.3" || len(d.Pools) != 1 || d.Pools[0].Backends[0].Weight != 1.2 {
		t.Errorf("status %+v", d)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "evil.example"
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("a rebound name is answered %d %s", response.StatusCode, body)
	}
	if err := stop(); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("still listening")
	}
}

// TestServeEndsRequests: a profile of a minute must not hold up the shutdown.
func TestServeEndsRequests(t *testing.T) {
	entered := make(chan struct{})
	left := make(chan struct{})
	o := options(good())
	o.Reload = func(ctx context.Context) error {
		close(entered)
		<-ctx.Done()
		close(left)
		return ctx.Err()
	}
	addr, stop := start(t, handler(t, o))
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPost, "http://"+addr+"/-/reload", nil)
		if err != nil {
			t.Error(err)
			return
		}
		if response, err := http.DefaultClient.Do(r); err == nil {
			response.Body.Close()
		}
	}()
	<-entered
	begun := time.Now()
	if err := stop(); err != nil {
		t.Errorf("Serve: %v", err)
	}
	select {
	case <-left:
	default:
		t.Error("Serve returned before the request had ended")
	}
	<-answered
	t.Logf("shut down in %v with a request under way", time.Since(begun))
}

func TestServeReportsItsListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := Serve(t.Context(), l, http.NotFoundHandler()); !errors.Is(err, net.ErrClosed) || !strings.Contains(err.Error(), "admin server on 127.0.0.1:") {
		t.Errorf("error %v", err)
	}
}
