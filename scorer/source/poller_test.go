package source

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// start runs a source until the test ends and returns what it reports.
func start(t *testing.T, s interface {
	Run(context.Context, chan<- scorer.Report) error
},
) <-chan scorer.Report {
	t.Helper()
	out := make(chan scorer.Report)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx, out); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	return out
}

func next(t *testing.T, out <-chan scorer.Report) scorer.Report {
	t.Helper()
	select {
	case r := <-out:
		return r
	case <-time.After(10 * time.Second):
		t.Fatal("no report within 10 s")
		panic("unreachable")
	}
}

// drain takes the reports from here on, so that the source need not wait.
func drain(t *testing.T, out <-chan scorer.Report) {
	var draining sync.WaitGroup
	draining.Go(func() {
		for {
			select {
			case <-out:
			case <-t.Context().Done():
				return
			}
		}
	})
	t.Cleanup(draining.Wait)
}

func serve(t *testing.T, h http.HandlerFunc) (*httptest.Server, scorer.Backend) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return s, scorer.Backend{Name: "b" + u.Port(), Address: u.Host}
}

func TestHTTPReportsOverOneConnection(t *testing.T) {
	var connections atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/load/ws 1" {
			t.Errorf("path %q", r.URL.Path)
		}
		fmt.Fprint(w, `{"cpu_utilization":0.5}`)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	src, err := NewHTTP(Options{
		URL: "http://{address}/load/{name}", Period: 100 * time.Millisecond, Timeout: 100 * time.Millisecond,
		Backends: []scorer.Backend{{Name: "ws 1", Address: s.Listener.Addr().String()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	out := start(t, src)
	begun := time.Now()
	for range 5 {
		r := next(t, out)
		if r.Backend != "ws 1" || r.CPU != 0.5 || r.Origin != "http:{address}/load/{name}" || r.ByProxy {
			t.Errorf("report %+v", r)
		}
		if r.At.Before(begun) || r.At.After(time.Now()) {
			t.Errorf("report at %v, want between %v and now", r.At, begun)
		}
	}
	// A poll that ran into its timeout, as on a busy machine, costs a connection. Polls go
	// on: what they cost is counted before what is lost.
	n := uint64(connections.Load())
	status := src.Status()[0]
	if lost := status.Failures + status.Late; n > 1+lost {
		t.Errorf("%d connections for 5 reports and %d lost polls, want 1 and as many", n, lost)
	}
}

func TestPrometheusReportsRates(t *testing.T) {
	var served atomic.Int64
	_, b := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "# TYPE requests_total counter\nrequests_total %d\n", served.Add(10))
	})
	src, err := NewPrometheus(Options{
		URL: "http://{address}/metrics", Period: 30 * time.Millisecond, Timeout: 30 * time.Millisecond,
		Backends: []scorer.Backend{b},
	}, Metrics{})
	if err != nil {
		t.Fatal(err)
	}
	r := next(t, start(t, src))
	if r.Interval <= 0 || r.RPS*r.Interval.Seconds() < 9.99 || r.RPS*r.Interval.Seconds() > 1000 {
		t.Errorf("rate %v over %v, want a multiple of 10 requests", r.RPS, r.Interval)
	}
}

func TestSlowBackendDelaysNobody(t *testing.T) {
	release := make(chan struct{})
	_, slow := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(release) })
	_, good := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"eps":0}`) })
	src, err := NewHTTP(Options{
		URL: "http://{address}/", Period: 50 * time.Millisecond, Timeout: 50 * time.Millisecond,
		Concurrency: 4, Backends: []scorer.Backend{slow, good},
	})
	if err != nil {
		t.Fatal(err)
	}
	out := start(t, src)
	for range 10 {
		if r := next(t, out); r.Backend != good.Name {
			t.Errorf("report of %s", r.Backend)
		}
	}
}

func TestFailuresAreCountedAndLoggedOnChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var answer atomic.Value
		answer.Store("")
		network := newPipeNetwork(t, func(w http.ResponseWriter, r *http.Request) {
			switch a := answer.Load().(string); a {
			case "":
				http.Error(w, "no", http.StatusServiceUnavailable)
			case "redirect":
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
			default:
				fmt.Fprint(w, a)
			}
		})
		var log bytes.Buffer
		src, err := NewHTTP(Options{
			URL: "http://user:secret@{address}/load?token=t", Transport: network,
			Backends: backends(1), Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := src.Origin(), "http:{address}/load"; got != want {
			t.Errorf("Origin() = %q, want %q", got, want)
		}
		drain(t, start(t, src))
		synctest.Wait() // until the poll has begun
		for _, step := range []struct{ answer, lastError string }{
			{"", "status 503"},
			{"redirect", "redirects are not followed"},
			{strings.Repeat("x", maxBody+1), "larger than 1024 KiB"},
			{`{"cpu_utilization":80}`, "cpu is percent (1 is full; divide percent by 100)"},
			{`{"cpu_utilization":0.8}`, ""},
		} {
			answer.Store(step.answer)
			before := src.Status()[0]
			<-time.After(5 * time.Second) // of the bubble's time
			synctest.Wait()
			got := src.Status()[0]
			if failed := got.Failures > before.Failures; failed != (step.lastError != "") || got.Failing != failed {
				t.Errorf("answer %.30q: failures %d, then %d, failing %v", step.answer, before.Failures, got.Failures, got.Failing)
			}
			if !strings.Contains(got.LastError, step.lastError) || (step.lastError == "" && got.LastError != "") {
				t.Errorf("answer %.30q: last error %q, want %q", step.answer, got.LastError, step.lastError)
			}
		}
		if n := src.Status()[0].Dropped[Percent]; n < 4 {
			t.Errorf("%d values left out as percent, want one for each poll", n)
		}
		for what, want := range map[string]int{"load reports fail": 1, "load reports work again": 1, "value left out": 1, "secret": 0} {
			if n := strings.Count(log.String(), what); n != want {
				t.Errorf("%q is in the log %d times, want %d:\n%s", what, n, want, log.String())
			}
		}
	})
}

func TestSetBackendsFollows(t *testing.T) {
	_, a := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"eps":1}`) })
	_, b := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"eps":2}`) })
	src, err := NewHTTP(Options{URL: "http://{address}/", Period: 50 * time.Millisecond, Timeout: 50 * time.Millisecond, Backends: []scorer.Backend{a}})
	if err != nil {
		t.Fatal(err)
	}
	out := start(t, src)
	if r := next(t, out); r.Backend != a.Name {
		t.Errorf("report of %s, want %s", r.Backend, a.Name)
	}
	src.SetBackends([]scorer.Backend{{Name: "nowhere"}})
	src.SetBackends([]scorer.Backend{b, {Name: "lost"}})
	for r := next(t, out); r.Backend != b.Name; r = next(t, out) {
		if r.Backend != a.Name {
			t.Fatalf("report of %s", r.Backend)
		}
	}
	drain(t, out)
	s := until(t, src, func(s BackendStatus) bool { return s.Backend == "lost" && s.Failing })
	if !strings.Contains(s.LastError, "backend lost has no address") {
		t.Errorf("last error %q", s.LastError)
	}
	if n := len(src.Status()); n != 2 {
		t.Errorf("%d backends in the status, want 2", n)
	}
}

// until polls the status until some backend's is as wanted.
func until(t *testing.T, src *HTTP, ok func(BackendStatus) bool) BackendStatus {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		select {
		case <-tick.C:
			for _, s := range src.Status() {
				if ok(s) {
					return s
				}
			}
		case <-ctx.Done():
			t.Fatalf("the status stays %+v", src.Status())
		}
	}
}
