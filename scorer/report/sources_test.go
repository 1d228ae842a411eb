package report_test

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/report"
	"github.com/trimtab-lb/trimtab/scorer/report/usage"
	"github.com/trimtab-lb/trimtab/scorer/source"
)

// level is a meter that measures always the same.
type level usage.Usage

func (l level) Read(time.Time) (usage.Usage, error) { return usage.Usage(l), nil }

func newReporter(t *testing.T, o report.Options) *report.Reporter {
	t.Helper()
	r, err := report.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// polled is what trimtab's own source makes of an answer.
func polled(t *testing.T, url string, transport http.RoundTripper) scorer.Report {
	t.Helper()
	s, err := source.NewHTTP(source.Options{
		URL: url, Period: 200 * time.Millisecond, Timeout: 200 * time.Millisecond, Transport: transport,
		Backends: []scorer.Backend{{Name: "web1", Address: "127.0.0.1:1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out := make(chan scorer.Report)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, out) }()
	select {
	case got := <-out:
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		return got
	case <-ctx.Done():
		t.Fatalf("no report from %s: %+v", url, s.Status())
		return scorer.Report{}
	}
}

// A server that imports the library, and trimtab's own reader of load reports:
// from its endpoint, and from the header of any response.
func TestTrimtabReadsReports(t *testing.T) {
	want := scorer.NewReport("web1", "", time.Time{})
	want.CPU, want.Memory, want.Utilization, want.InFlight = 0.5, 0.25, 0.75, 3
	want.Named = map[string]float64{"queue": 3, "in_flight": 1, "connections": 2, "connection_cost": 4.5, "connection_cost_max": 4, "draining": 1}
	for _, format := range []report.Format{"", report.Text, report.JSON, report.Binary} {
		t.Run("in "+string(format), func(t *testing.T) {
			r := newReporter(t, report.Options{
				Meter: level{CPU: 0.5, Memory: 0.25}, InBand: report.InBand{When: report.Always, Format: format},
				Interval: 20 * time.Millisecond,
			})
			r.SetUtilization(0.75)
			r.SetDraining(true)
			if err := r.SetNamed("queue", 3); err != nil {
				t.Fatal(err)
			}
			r.Connect(nil).SetCost(4)
			r.Connect(nil).SetCost(0.5)
			work := r.Begin()
			defer work.End(false)
			failed := r.Begin()
			failed.End(true)

			handler := report.Endpoints{Load: r}.Handler()
			if format != "" {
				handler = r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "no report") }))
			}
			server := httptest.NewServer(handler)
			defer server.Close()
			got := polled(t, server.URL+"/load", nil)
			for begun := time.Now(); ; got = polled(t, server.URL+"/load", nil) {
				// The header is of the last measurement, which may have met a poll in flight.
				if got.RPS > 0 && got.EPS > 0 && got.Named["queue"] == 3 && got.Named["in_flight"] == 1 {
					break
				}
				if time.Since(begun) > 10*time.Second {
					t.Fatalf("no rates: %+v", got)
				}
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateApprox(0, 1e-9), cmpopts.IgnoreFields(scorer.Report{}, "At", "Origin", "RPS", "EPS")); diff != "" {
				t.Errorf("trimtab reads (-want +got):\n%s", diff)
			}
		})
	}
}

func TestInBandWhenAsked(t *testing.T) {
	for when, headers := range map[report.When][]string{
		report.Never:  {"", "", ""},
		report.Asked:  {"", "JSON", ""},
		report.Always: {"TEXT", "JSON", "TEXT"},
	} {
		r := newReporter(t, report.Options{Meter: level{CPU: 0.5, Memory: math.NaN()}, InBand: report.InBand{When: when}})
		h := r.Middleware(http.NotFoundHandler())
		for i, ask := range []string{"", "json", "xml"} {
			request := httptest.NewRequest(http.MethodGet, "/", nil)
			if ask != "" {
				request.Header.Set("endpoint-load-metrics-format", ask)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, request)
			got, _, _ := strings.Cut(w.Header().Get("endpoint-load-metrics"), " ")
			if got != headers[i] {
				t.Errorf("when %d, asked %q: header %q, want %q", when, ask, got, headers[i])
			}
		}
	}
}

type saying struct{ load report.Load }

func (s saying) Load() report.Load { return s.load }

// answering hands every request the same response, without a network.
type answering struct{ http.Handler }

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w.Result(), nil
}

// Whatever a load is, each format says of it all that trimtab takes, and the
// same; but that in protobuf 0 is nothing.
func TestFormatsAgree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		value := rapid.OneOf(rapid.Just(math.NaN()), rapid.Just(0.0), rapid.Float64Range(1e-300, 8))
		l := report.Load{
			Utilization: value.Draw(rt, "utilization"), CPU: value.Draw(rt, "cpu"), Memory: value.Draw(rt, "memory"),
			RPS: value.Draw(rt, "rps"), EPS: value.Draw(rt, "eps"), Draining: rapid.Bool().Draw(rt, "draining"),
			Named: rapid.MapOfN(rapid.StringMatching(`[!#-+\--<>-\[\]-~]{1,12}`), rapid.Float64Range(0, 1e12), 1, 5).Draw(rt, "named"),
		}
		want := scorer.NewReport("web1", "", time.Time{})
		want.Utilization, want.CPU, want.Memory, want.RPS, want.EPS = l.Utilization, l.CPU, l.Memory, l.RPS, l.EPS
		want.Named = l.Named
		formats := map[report.Format]http.Handler{"endpoint": report.Endpoints{Load: saying{l}}.Handler()}
		for _, f := range []report.Format{report.Text, report.JSON, report.Binary} {
			formats[f] = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				name, value, err := l.Header(f)
				if err != nil {
					rt.Error(err)
				}
				w.Header().Set(name, value)
			})
		}
		for f, h := range formats {
			got := polledOnce(rt, h)
			want := want
			if f == report.Binary {
				for _, v := range []*float64{&want.Utilization, &want.CPU, &want.Memory, &want.RPS, &want.EPS} {
					if *v == 0 {
						*v = math.NaN()
					}
				}
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(scorer.Report{}, "At", "Origin")); diff != "" {
				rt.Fatalf("%s (-want +got):\n%s", f, diff)
			}
		}
	})
}

func polledOnce(t *rapid.T, h http.Handler) scorer.Report {
	s, err := source.NewHTTP(source.Options{
		URL: "http://web1/load", Period: time.Millisecond, Timeout: time.Millisecond, Transport: answering{h},
		Backends: []scorer.Backend{{Name: "web1", Address: "127.0.0.1:1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	out := make(chan scorer.Report)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, out) }()
	got := <-out
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	return got
}

// A real HAProxy asks by its agent-check, with and without saying for what.
func TestHAProxyAsks(t *testing.T) {
	r := newReporter(t, report.Options{Meter: level{CPU: 0.25, Memory: 0.1}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- (&report.AgentCheck{Load: r}).Serve(ctx, l) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	in := haproxy(t, `
global
  maxconn 200
  stats socket @SOCKET@ level admin
defaults
  mode http
  timeout client 5s
  timeout server 5s
  timeout connect 1s
backend web
  default-server weight 100 agent-check agent-inter 500ms agent-addr 127.0.0.1 agent-port `+port+`
  server s1 127.0.0.1:1
  server s2 127.0.0.1:1 agent-send "web/s2\n"
`)
	both := func(status, weight string) {
		t.Helper()
		for _, server := range []string{"s1", "s2"} {
			in.until(server, status, weight)
		}
	}
	both("no check", "75")
	r.SetUtilization(0.9)
	both("no check", "10")
	r.SetDraining(true)
	both("DRAIN (agent)", "10")
	r.SetDraining(false)
	both("no check", "10")
	r.SetUtilization(3)
	both("no check", "1")
}

func haproxy(t *testing.T, config string) proxy {
	t.Helper()
	in, err := instance.Start(t.Context(), instance.Options{Config: config})
	if err != nil {
		skipOrFail(t, err)
	}
	t.Cleanup(func() {
		if err := in.Stop(); err != nil {
			t.Error(err)
		}
	})
	return proxy{t, in}
}
