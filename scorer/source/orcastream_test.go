package source

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	orcav3 "github.com/cncf/xds/go/xds/data/orca/v3"
	orcaservicev3 "github.com/cncf/xds/go/xds/service/orca/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"pgregory.net/rapid"

	"github.com/trimtab-lb/trimtab/scorer"
)

// pusher is a backend that reports out of band.
type pusher struct {
	orcaservicev3.UnimplementedOpenRcaServiceServer
	next  func() *orcav3.OrcaLoadReport // nil: it is silent
	open  atomic.Int64
	asked chan time.Duration // the periods that were asked for, if there is room
}

func (p *pusher) StreamCoreMetrics(r *orcaservicev3.OrcaLoadReportRequest, stream grpc.ServerStreamingServer[orcav3.OrcaLoadReport]) error {
	p.open.Add(1)
	defer p.open.Add(-1)
	select {
	case p.asked <- r.GetReportInterval().AsDuration():
	default:
	}
	if p.next == nil {
		<-stream.Context().Done()
		return nil
	}
	tick := time.NewTicker(r.GetReportInterval().AsDuration())
	defer tick.Stop()
	for {
		if err := stream.Send(p.next()); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-stream.Context().Done():
			return nil
		}
	}
}

// push serves until the test ends or stop is called; on an address when it is
// not empty.
func push(t *testing.T, p *pusher, address string, o ...grpc.ServerOption) (b scorer.Backend, stop func()) {
	t.Helper()
	if address == "" {
		address = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(o...)
	if p != nil {
		orcaservicev3.RegisterOpenRcaServiceServer(s, p)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := s.Serve(l); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	stop = func() { s.Stop(); serving.Wait() }
	t.Cleanup(stop)
	return scorer.Backend{Name: "b1", Address: l.Addr().String()}, stop
}

func newORCA(t *testing.T, o ORCAOptions) *ORCA {
	t.Helper()
	if o.Period == 0 {
		o.Period = minPeriod
	}
	src, err := NewORCA(o)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// eventually waits for a backend's status.
func eventually(t *testing.T, src *ORCA, ok func(BackendStatus) bool) BackendStatus {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	timeout := time.NewTimer(20 * time.Second)
	defer timeout.Stop()
	for {
		select {
		case <-tick.C:
			for _, s := range src.Status() {
				if ok(s) {
					return s
				}
			}
		case <-timeout.C:
			t.Fatalf("the status stays %+v", src.Status())
		}
	}
}

func constant(m *orcav3.OrcaLoadReport) func() *orcav3.OrcaLoadReport {
	return func() *orcav3.OrcaLoadReport { return m }
}

func TestORCAReportsOutOfBand(t *testing.T) {
	p := &pusher{asked: make(chan time.Duration, 1), next: constant(&orcav3.OrcaLoadReport{
		CpuUtilization: 85, ApplicationUtilization: 0.5, NamedMetrics: map[string]float64{"queue": 3},
	})}
	b, _ := push(t, p, "")
	src := newORCA(t, ORCAOptions{Backends: []scorer.Backend{b}})
	begun := time.Now() // before any report can be there
	out := start(t, src)
	for range 3 {
		got := next(t, out)
		want := scorer.NewReport("b1", "orca:{address}", got.At)
		want.Utilization, want.Named = 0.5, map[string]float64{"queue": 3}
		if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("report (-want +got):\n%s", diff)
		}
		if got.At.Before(begun) || got.At.After(time.Now()) {
			t.Errorf("at %v, want the time of receipt", got.At)
		}
	}
	if asked := <-p.asked; asked != minPeriod {
		t.Errorf("asked for a report every %v, want %v", asked, minPeriod)
	}
	s := eventually(t, src, func(s BackendStatus) bool { return s.Reports >= 3 })
	if !s.Polled || s.Failing || s.Polls != 1 || s.Dropped[Percent] < 3 || s.Every <= 0 {
		t.Errorf("status %+v, want one stream, the percentage left out of each report, and the time between two", s)
	}
	if time.Since(begun) < 2*minPeriod-20*time.Millisecond {
		t.Errorf("three reports in %v", time.Since(begun))
	}
}

func TestORCAFailures(t *testing.T) {
	for _, tt := range []struct {
		name  string
		p     *pusher
		b     scorer.Backend
		port  int
		first time.Duration // 0: time enough for who is not silent
		want  string
	}{
		{name: "silent", p: &pusher{}, first: 300 * time.Millisecond, want: "no report within 300ms"},
		{name: "no such service", want: "the server has no OpenRcaService"},
		{name: "nothing of use", p: &pusher{next: constant(&orcav3.OrcaLoadReport{CpuUtilization: 50})}, want: "nothing in the report can be used: cpu is percent"},
		{name: "nobody listens", b: scorer.Backend{Name: "b1", Address: "127.0.0.1:1"}, want: "orca 127.0.0.1:1: "},
		{name: "another port", b: scorer.Backend{Name: "b1", Address: "[::1]:8080"}, port: 1, want: "orca [::1]:1: "},
		{name: "no address", b: scorer.Backend{Name: "b1"}, port: 9, want: "backend b1 has no address"},
		{name: "half an address", b: scorer.Backend{Name: "b1", Address: "host"}, port: 9, want: `address "host" is not host:port`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.b.Name == "" {
				tt.b, _ = push(t, tt.p, "")
			}
			src := newORCA(t, ORCAOptions{Backends: []scorer.Backend{tt.b}, Port: tt.port, FirstReport: tt.first})
			drain(t, start(t, src))
			s := eventually(t, src, func(s BackendStatus) bool { return s.Failing })
			if !strings.Contains(s.LastError, tt.want) {
				t.Errorf("last error %q, want %q", s.LastError, tt.want)
			}
		})
	}
}

func TestORCAReconnects(t *testing.T) {
	p := &pusher{next: constant(&orcav3.OrcaLoadReport{Eps: 1})}
	// An address that nobody else binds: its port has to be free when the server
	// comes back, and a client that dials it must not be given the same one.
	b, stop := push(t, p, "127.0.0.21:0")
	src := newORCA(t, ORCAOptions{Backends: []scorer.Backend{b}})
	drain(t, start(t, src))
	eventually(t, src, func(s BackendStatus) bool { return s.Reports > 0 && !s.Failing })
	stop()
	before := eventually(t, src, func(s BackendStatus) bool { return s.Failing })
	push(t, p, b.Address)
	eventually(t, src, func(s BackendStatus) bool { return s.Reports > before.Reports && !s.Failing && s.LastError == "" })
}

func TestORCAFollowsBackends(t *testing.T) {
	var servers [3]*pusher
	var all []scorer.Backend
	for i := range servers {
		servers[i] = &pusher{next: constant(&orcav3.OrcaLoadReport{Eps: 1})}
		b, _ := push(t, servers[i], "")
		b.Name = string(rune('a' + i))
		all = append(all, b)
	}
	open := func(want ...int64) func(BackendStatus) bool {
		return func(BackendStatus) bool {
			for i, n := range want {
				if servers[i].open.Load() != n {
					return false
				}
			}
			return true
		}
	}
	src := newORCA(t, ORCAOptions{Backends: all[:2]})
	drain(t, start(t, src))
	eventually(t, src, open(1, 1, 0))
	src.SetBackends(all[1:])
	eventually(t, src, open(0, 1, 1))
	if n := len(src.Status()); n != 2 {
		t.Errorf("%d backends in the status, want 2", n)
	}
}

func TestORCAOverTLS(t *testing.T) {
	// httptest brings a certificate for 127.0.0.1 and the root to check it with.
	certified := httptest.NewTLSServer(nil)
	t.Cleanup(certified.Close)
	roots := x509.NewCertPool()
	roots.AddCert(certified.Certificate())
	p := &pusher{next: constant(&orcav3.OrcaLoadReport{Eps: 1})}
	b, _ := push(t, p, "", grpc.Creds(credentials.NewServerTLSFromCert(&certified.TLS.Certificates[0])))
	good := newORCA(t, ORCAOptions{Backends: []scorer.Backend{b}, TLS: &tls.Config{RootCAs: roots}})
	if r := next(t, start(t, good)); r.EPS != 1 {
		t.Errorf("report %+v", r)
	}
	plain := newORCA(t, ORCAOptions{Backends: []scorer.Backend{b}})
	drain(t, start(t, plain))
	eventually(t, plain, func(s BackendStatus) bool { return s.Failing })
}

func TestORCAOptions(t *testing.T) {
	for want, o := range map[string]ORCAOptions{
		"need at least 100ms":    {Period: time.Millisecond},
		"port 70000":             {Port: 70000},
		"need a positive time":   {FirstReport: -1},
		"load reports over ORCA": {Port: -1},
	} {
		if _, err := NewORCA(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	src := newORCA(t, ORCAOptions{Port: 9001})
	if got := src.Origin(); got != "orca:{host}:9001" {
		t.Errorf("Origin() = %q", got)
	}
}

func TestPauseAfter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		failures := rapid.IntRange(0, 100).Draw(t, "failures")
		got := pauseAfter(failures, errors.New("refused"))
		usual := min(firstPause<<min(failures, 20), maxPause)
		if got < usual/2 || got > usual*3/2 {
			t.Fatalf("%v after %d failures, want %v give or take a half", got, failures, usual)
		}
		if got := pauseAfter(failures, status.Error(codes.Unimplemented, "")); got < maxPause/2 {
			t.Fatalf("%v although the service is not there", got)
		}
	})
}

// A silence ends a stream by what is usual for the backend, not by what it was
// asked for.
func TestPatience(t *testing.T) {
	begun := time.Now()
	for _, tt := range []struct {
		name string
		gaps []time.Duration
		want []time.Duration
	}{
		{"as asked", []time.Duration{0, time.Second, time.Second}, []time.Duration{unknownGap, 4 * time.Second, 4 * time.Second}},
		{"a floor of 30 s", []time.Duration{0, 30 * time.Second, 30 * time.Second}, []time.Duration{unknownGap, 2 * time.Minute, 2 * time.Minute}},
		{"a pause is forgotten", []time.Duration{0, 8 * time.Second, time.Second}, []time.Duration{unknownGap, 32 * time.Second, 24 * time.Second}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &watch{options: ORCAOptions{Period: time.Second}, worker: &worker{journal: newJournal("b1", slog.New(slog.DiscardHandler))}}
			now := begun
			var got []time.Duration
			for _, gap := range tt.gaps {
				now = now.Add(gap)
				got = append(got, w.patience(now))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("patience (-want +got):\n%s", diff)
			}
		})
	}
}

// A reader that does not read holds up its own stream and nothing else.
func TestORCAEndsWhileNobodyReads(t *testing.T) {
	p := &pusher{next: constant(&orcav3.OrcaLoadReport{Eps: 1})}
	b, _ := push(t, p, "")
	src := newORCA(t, ORCAOptions{Backends: []scorer.Backend{b}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- src.Run(ctx, make(chan scorer.Report)) }()
	eventually(t, src, func(BackendStatus) bool { return p.open.Load() == 1 })
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("Run: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Run does not end")
	}
}
