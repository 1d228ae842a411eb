package orca_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"sync"
	"testing"
	"time"

	orcav3 "github.com/cncf/xds/go/xds/data/orca/v3"
	orcaservicev3 "github.com/cncf/xds/go/xds/service/orca/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/report"
	"github.com/trimtab-lb/trimtab/scorer/report/orca"
	"github.com/trimtab-lb/trimtab/scorer/report/usage"
	"github.com/trimtab-lb/trimtab/scorer/source"
)

// level is a meter that measures always the same.
type level usage.Usage

func (l level) Read(time.Time) (usage.Usage, error) { return usage.Usage(l), nil }

// backend is a gRPC server that reports its load. Its only method echoes.
type backend struct {
	*report.Reporter
	service *orca.Service
	addr    string
	conn    *grpc.ClientConn
	stop    func()
}

// echo is the service's handlers: what a call does with a text.
type echo struct {
	unary  func(ctx context.Context, text string) (string, error)
	stream func(stream grpc.ServerStream) error
}

func start(t *testing.T, o report.Options, e echo) *backend {
	t.Helper()
	if o.Meter == nil {
		o.Meter = level{CPU: 0.5, Memory: 0.25}
	}
	o.Interval = 10 * time.Millisecond
	r, err := report.New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(orca.ServerOptions(r)...)
	b := &backend{Reporter: r, service: orca.Register(server, r)}
	healthpb.RegisterHealthServer(server, health.NewServer())
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "test.Echo", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Unary", Handler: func(_ any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
			in := new(healthpb.HealthCheckRequest)
			if err := decode(in); err != nil {
				return nil, err
			}
			return interceptor(ctx, in, &grpc.UnaryServerInfo{FullMethod: "/test.Echo/Unary"}, func(ctx context.Context, _ any) (any, error) {
				text, err := e.unary(ctx, in.GetService())
				return &healthpb.HealthCheckRequest{Service: text}, err
			})
		}}},
		Streams: []grpc.StreamDesc{{StreamName: "Stream", ServerStreams: true, ClientStreams: true, Handler: func(_ any, s grpc.ServerStream) error { return e.stream(s) }}},
	}, struct{}{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.addr = l.Addr().String()
	serving := make(chan error, 1)
	go func() { serving <- server.Serve(l) }()
	b.conn, err = grpc.NewClient("passthrough:///"+b.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	b.stop = sync.OnceFunc(func() {
		b.service.Close()
		server.GracefulStop()
		if err := <-serving; err != nil {
			t.Error(err)
		}
		r.Close()
	})
	t.Cleanup(func() { _ = b.conn.Close(); b.stop() })
	b.until(t, "CPU", func(l report.Load) bool { return l.CPU == 0.5 })
	return b
}

// within bounds a test's calls.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func (b *backend) call(ctx context.Context, text string, o ...grpc.CallOption) error {
	return b.conn.Invoke(ctx, "/test.Echo/Unary", &healthpb.HealthCheckRequest{Service: text}, new(healthpb.HealthCheckRequest), o...)
}

// until waits for a load.
func (b *backend) until(t *testing.T, what string, good func(report.Load) bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); !good(b.Load()); <-tick.C {
		if time.Since(began) > 10*time.Second {
			t.Fatalf("%s: %+v", what, b.Load())
		}
	}
}

// named waits for a named metric.
func (b *backend) named(t *testing.T, name string, want float64) {
	t.Helper()
	b.until(t, name, func(l report.Load) bool { return l.Named[name] == want })
}

// trimtab's own source, ten times a second.
func TestTrimtabReadsStreams(t *testing.T) {
	b := start(t, report.Options{}, echo{unary: func(context.Context, string) (string, error) { return "", nil }})
	b.SetUtilization(0.75)
	if err := b.SetNamed("queue", 3); err != nil {
		t.Fatal(err)
	}
	ctx := within(t)
	if err := b.call(ctx, ""); err != nil {
		t.Fatal(err)
	}
	s, err := source.NewORCA(source.ORCAOptions{Period: 100 * time.Millisecond, Backends: []scorer.Backend{{Name: "web1", Address: b.addr}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	out := make(chan scorer.Report)
	ended := make(chan error, 1)
	asked := time.Now()
	go func() { ended <- s.Run(ctx, out) }()
	var first, last time.Time
	const reports = 11
	for i := range reports {
		select {
		case got := <-out:
			if i == 0 {
				first = got.At
			}
			last = got.At
			if got.Utilization != 0.75 || got.CPU != 0.5 || got.Memory != 0.25 || got.Named["queue"] != 3 || got.Named["in_flight"] != 0 {
				t.Errorf("report %d: %+v", i, got)
			}
		case <-ctx.Done():
			t.Fatalf("%d reports", i)
		}
	}
	each := last.Sub(first) / (reports - 1)
	t.Logf("a report every %v, asked for 100ms", each.Round(time.Millisecond))
	// The first one may come late, and the next ones in time: what is too early shows
	// from the question on.
	if each > 400*time.Millisecond || last.Sub(asked) < (reports-1)*80*time.Millisecond {
		t.Errorf("a report every %v, the last %v after the question", each, last.Sub(asked))
	}
	// A graceful stop is not held up by those who listen.
	began := time.Now()
	b.stop()
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("stopped after %v", took)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestPeriods(t *testing.T) {
	b := start(t, report.Options{}, echo{})
	for _, asked := range []*durationpb.Duration{durationpb.New(time.Millisecond), {Seconds: -5}, {Seconds: 1, Nanos: -1}, nil} {
		began := time.Now() // the first report may come late, and the next one in time
		stream, err := orcaservicev3.NewOpenRcaServiceClient(b.conn).StreamCoreMetrics(within(t), &orcaservicev3.OrcaLoadReportRequest{ReportInterval: asked})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := stream.Recv(); err != nil {
				t.Fatalf("period %v: %v", asked, err)
			}
		}
		if took := time.Since(began); took < orca.MinPeriod {
			t.Errorf("period %v: the second report after %v", asked, took)
		}
	}
	b.service.Close()
	b.service.Close()
	stream, err := orcaservicev3.NewOpenRcaServiceClient(b.conn).StreamCoreMetrics(within(t), &orcaservicev3.OrcaLoadReportRequest{})
	for err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.Unavailable {
		t.Errorf("after Close: %v", err)
	}
}

func TestCallsAreCounted(t *testing.T) {
	for _, test := range []struct {
		err    error
		failed bool
	}{
		{nil, false},
		{status.Error(codes.NotFound, ""), false},
		{status.Error(codes.ResourceExhausted, ""), false},
		{status.Error(codes.Unavailable, ""), true},
		{status.Error(codes.DeadlineExceeded, ""), true},
		{fmt.Errorf("reading: %w", status.Error(codes.Internal, "")), true},
		{errors.New("oh"), true},
		{context.Canceled, false},
	} {
		t.Run(fmt.Sprint(test.err), func(t *testing.T) {
			b := start(t, report.Options{Window: time.Hour}, echo{
				unary:  func(context.Context, string) (string, error) { return "", test.err },
				stream: func(grpc.ServerStream) error { return test.err },
			})
			ctx := within(t)
			if err := b.call(ctx, ""); (err != nil) != (test.err != nil) {
				t.Errorf("call: %v", err)
			}
			stream, err := b.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/test.Echo/Stream")
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.RecvMsg(new(healthpb.HealthCheckRequest)); errors.Is(err, io.EOF) != (test.err == nil) {
				t.Errorf("stream: %v", err)
			}
			// Health checks are no work.
			if _, err := healthpb.NewHealthClient(b.conn).Check(ctx, &healthpb.HealthCheckRequest{}); err != nil {
				t.Error(err)
			}
			b.named(t, report.NamedInFlight, 0)
			share := 0.0
			if test.failed {
				share = 1
			}
			// Both rates fade alike.
			b.until(t, "the share that failed", func(l report.Load) bool {
				return l.RPS > 0 && math.Abs(l.EPS/l.RPS-share) < 0.01
			})
		})
	}
}

func TestTrailers(t *testing.T) {
	for when, want := range map[report.When][2]bool{report.Never: {}, report.Asked: {false, true}, report.Always: {true, true}} {
		b := start(t, report.Options{InBand: report.InBand{When: when}}, echo{unary: func(context.Context, string) (string, error) { return "", nil }})
		for i, ctx := range []context.Context{within(t), metadata.AppendToOutgoingContext(within(t), "endpoint-load-metrics-format", "bin")} {
			// What goes with answers is written a moment after the load that is waited for.
			b.until(t, "CPU in trailers", func(report.Load) bool {
				var trailer metadata.MD
				if err := b.call(ctx, "", grpc.Trailer(&trailer)); err != nil {
					t.Fatal(err)
				}
				values := trailer.Get("endpoint-load-metrics-bin")
				if (len(values) > 0) != want[i] {
					t.Fatalf("when %d, request %d: trailer %v", when, i, trailer)
				}
				if len(values) == 0 {
					return true
				}
				var m orcav3.OrcaLoadReport
				if err := proto.Unmarshal([]byte(values[0]), &m); err != nil {
					t.Fatal(err)
				}
				return m.GetCpuUtilization() == 0.5
			})
		}
	}
}

// A stream that is a connection, and is asked to go.
func TestStreamIsAConnection(t *testing.T) {
	b := start(t, report.Options{}, echo{stream: func(s grpc.ServerStream) error {
		going := make(chan string, 1)
		leave := func(_ context.Context, why report.Reason) error { going <- why.Text; return nil }
		if orca.Connection(s.Context(), leave) == nil || orca.Connection(s.Context(), leave) != nil {
			return status.Error(codes.Internal, "one stream is one connection")
		}
		return status.Error(codes.Unavailable, <-going)
	}})
	if orca.Connection(t.Context(), nil) != nil {
		t.Error("a connection of no stream")
	}
	stream, err := b.conn.NewStream(within(t), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/test.Echo/Stream")
	if err != nil {
		t.Fatal(err)
	}
	b.named(t, report.NamedConnections, 1)
	if n := b.Load().Named[report.NamedInFlight]; n != 0 {
		t.Errorf("%v calls in flight besides", n)
	}
	if answer, err := b.Shed(t.Context(), report.ShedRequest{Connections: 1, Reason: "go"}); err != nil || answer.Asked != 1 {
		t.Errorf("%+v, %v", answer, err)
	}
	if err := stream.RecvMsg(new(healthpb.HealthCheckRequest)); status.Convert(err).Message() != "go" {
		t.Errorf("ended with %v", err)
	}
	b.named(t, report.NamedConnections, 0)
}
