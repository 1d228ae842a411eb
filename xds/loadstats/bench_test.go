//go:build unix

package loadstats

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	lrsv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

const (
	benchEnvoys   = 100
	benchBackends = 10 // of each cluster
	// reportersVariable makes this program report to a server instead of
	// testing, so that the two can be told apart by their CPU time.
	reportersVariable = "TRIMTAB_TEST_LRS_SERVER"
	clustersVariable  = "TRIMTAB_TEST_LRS_CLUSTERS"
	kindVariable      = "TRIMTAB_TEST_LRS_KIND"
)

// busyReport is what an Envoy says in a period in which every backend is busy.
func busyReport(id string, clusters int) *lrsv3.LoadStatsRequest {
	m := &lrsv3.LoadStatsRequest{Node: envoyNode(id)}
	for c := range clusters {
		var endpoints []*endpointv3.UpstreamEndpointStats
		for n := range benchBackends {
			endpoints = append(endpoints, endpoint(n, counts{succeeded: 40, failed: 1, issued: 42, inProgress: 300}))
		}
		m.ClusterStats = append(m.ClusterStats, cluster(fmt.Sprint("ws", c), endpoints...))
	}
	return m
}

// BenchmarkDecode compares reading a report by hand with proto.Unmarshal.
func BenchmarkDecode(b *testing.B) {
	data, err := proto.Marshal(busyReport("edge-1", 10))
	if err != nil {
		b.Fatal(err)
	}
	var cuts []int
	for at := 16 << 10; at < len(data); at += 16 << 10 {
		cuts = append(cuts, at) // HTTP/2 frames
	}
	buffers := split(data, cuts)
	s, err := New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	mapping := Mapping{}
	for c := range 10 {
		one := poolOf(benchBackends)
		one.Pool = fmt.Sprint("pool", c)
		mapping[fmt.Sprint("ws", c)] = one
	}
	s.SetMapping(mapping)
	one := newStream(s, Node{}, "lrs:edge-1", "", time.Now())
	in := &request{limit: 1 << 20}
	var byHand, byProtobuf time.Duration
	b.ReportAllocs()
	for b.Loop() {
		begun := time.Now()
		if err := in.UnmarshalBuffers(buffers); err != nil {
			b.Fatal(err)
		}
		if err := one.take(in, time.Now()); err != nil {
			b.Fatal(err)
		}
		byHand += time.Since(begun)
		b.StopTimer()
		begun = time.Now()
		whole := buffers.MaterializeToBuffer(mem.DefaultBufferPool())
		if err := proto.Unmarshal(whole.ReadOnlyData(), &lrsv3.LoadStatsRequest{}); err != nil {
			b.Fatal(err)
		}
		whole.Free()
		byProtobuf += time.Since(begun)
		b.StartTimer()
	}
	b.ReportMetric(float64(len(data)), "bytes")
	b.ReportMetric(float64(byProtobuf)/float64(byHand), "protobuf/hand")
	b.ReportMetric(float64(byProtobuf.Nanoseconds())/float64(b.N), "protobuf-ns/op")
}

// BenchmarkHundredEnvoys measures the share of a core that their reports cost:
// from sockets to counts and from sockets to pools, beside the same bytes over
// TCP and through gRPC, where nobody looks at them. Shares depend on the machine
// and on what else it does, ratios less so. An operation is a second.
func BenchmarkHundredEnvoys(b *testing.B) {
	if server := os.Getenv(reportersVariable); server != "" {
		report(b, server)
		return
	}
	b.Run("bytes over TCP", func(b *testing.B) { measure(b, 1, swallow(b), nil) })
	for _, clusters := range []int{1, 10} {
		size := fmt.Sprint(clusters*benchBackends, " backends ")
		var floor float64
		b.Run(size+"not decoded", func(b *testing.B) { floor = ignored(b, clusters) })
		b.Run(size+"read", func(b *testing.B) { taken(b, clusters, floor, func(*Server, string) {}) })
		b.Run(size+"tuned", func(b *testing.B) {
			taken(b, clusters, floor, func(s *Server, pool string) { tune(b, s, pool) })
		})
	}
}

// measure has a process of its own report to a listener and returns the share
// of a core that this one uses meanwhile.
func measure(b *testing.B, clusters int, l net.Listener, ready func() bool) float64 {
	reporters := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^$", "-test.bench=^BenchmarkHundredEnvoys$", "-test.benchtime=1x")
	kind := "lrs"
	if ready == nil {
		kind = "tcp"
		ready = func() bool { return true }
	}
	reporters.Env = append(os.Environ(), reportersVariable+"="+l.Addr().String(),
		clustersVariable+"="+strconv.Itoa(clusters), kindVariable+"="+kind)
	// Closed when this process ends, however it does.
	stdin, err := reporters.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := reporters.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { stdin.Close(); _ = reporters.Wait() })
	until(b, "all report", ready)
	settled := time.NewTimer(time.Second)
	<-settled.C
	runtime.GC()
	before, begun := cpu(b), time.Now()
	for b.Loop() {
		second := time.NewTimer(time.Second)
		select {
		case <-second.C:
		case <-b.Context().Done():
		}
	}
	share := 100 * (cpu(b) - before).Seconds() / time.Since(begun).Seconds()
	b.ReportMetric(share, "%core")
	return share
}

func listen(b *testing.B) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	return l
}

// swallow takes any bytes over TCP.
func swallow(b *testing.B) net.Listener {
	l := listen(b)
	var swallowing sync.WaitGroup
	swallowing.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			swallowing.Go(func() {
				defer c.Close()
				room := make([]byte, 32<<10) // as gRPC reads
				for {
					if _, err := c.Read(room); err != nil {
						return
					}
				}
			})
		}
	})
	b.Cleanup(func() { l.Close(); swallowing.Wait() })
	return l
}

// nothing is a message that is not looked at.
type nothing struct{}

func (nothing) UnmarshalBuffers(mem.BufferSlice) error { return nil }

// ignored takes reports through gRPC and no further.
func ignored(b *testing.B, clusters int) float64 {
	wire := grpc.NewServer(serverOptions()...)
	var reports atomic.Int64
	service := lrsv3.LoadReportingService_ServiceDesc
	service.Streams = []grpc.StreamDesc{{
		StreamName: "StreamLoadStats", ServerStreams: true, ClientStreams: true,
		Handler: func(_ any, stream grpc.ServerStream) error {
			for {
				if err := stream.RecvMsg(nothing{}); err != nil {
					return ended(err)
				}
				reports.Add(1)
			}
		},
	}}
	wire.RegisterService(&service, nil)
	l := listen(b)
	var serving sync.WaitGroup
	serving.Go(func() { _ = wire.Serve(l) })
	b.Cleanup(func() { wire.Stop(); serving.Wait() })
	return measure(b, clusters, l, func() bool { return reports.Load() >= 2*benchEnvoys })
}

// taken takes reports as the server does, and hands them to whoever follow starts.
func taken(b *testing.B, clusters int, floor float64, follow func(*Server, string)) {
	s, err := New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	mapping := Mapping{}
	for c := range clusters {
		one := Cluster{Pool: fmt.Sprint("pool", c), Addresses: map[netip.AddrPort]string{}}
		for n := range benchBackends {
			one.Addresses[address(n)] = backend(n)
		}
		mapping[fmt.Sprint("ws", c)] = one
		follow(s, one.Pool)
	}
	s.SetMapping(mapping)
	l := listen(b)
	serveOn(b, s, l)
	share := measure(b, clusters, l, func() bool { return received(s) >= 2*benchEnvoys })
	if floor > 0 { // it is 0 when this one runs alone
		b.ReportMetric(share/floor, "of-not-decoded")
	}
}

// report is benchEnvoys Envoys.
func report(b *testing.B, server string) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	clusters, err := strconv.Atoi(os.Getenv(clustersVariable))
	if err != nil {
		b.Fatal(err)
	}
	var reporting sync.WaitGroup
	for i := range benchEnvoys {
		if os.Getenv(kindVariable) == "tcp" {
			reporting.Go(func() { pour(ctx, b, server, clusters) })
			continue
		}
		// Envoy writes a report in one piece.
		conn, err := grpc.NewClient(server, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithWriteBufferSize(128<<10))
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		stream, err := lrsv3.NewLoadReportingServiceClient(conn).StreamLoadStats(ctx)
		if err != nil {
			b.Fatal(err)
		}
		m := &grpc.PreparedMsg{}
		if err := m.Encode(stream, busyReport(fmt.Sprint("edge-", i), clusters)); err != nil {
			b.Fatal(err)
		}
		reporting.Go(func() {
			tick := time.NewTicker(period)
			defer tick.Stop()
			for {
				if err := stream.SendMsg(m); err != nil {
					return
				}
				select {
				case <-tick.C:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	// Until whoever measures closes it.
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
	cancel()
	reporting.Wait()
}

// pour writes the bytes of reports.
func pour(ctx context.Context, b *testing.B, server string, clusters int) {
	data, err := proto.Marshal(busyReport("edge-1", clusters))
	if err != nil {
		b.Error(err)
		return
	}
	c, err := net.Dial("tcp", server)
	if err != nil {
		b.Error(err)
		return
	}
	defer c.Close()
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		if _, err := c.Write(data); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// tune runs a pool on the reports.
func tune(b *testing.B, s *Server, name string) {
	pool, err := scorer.New(scorer.Config{Name: name})
	if err != nil {
		b.Fatal(err)
	}
	o := tuner.Options{Pool: pool, Name: name, Sources: []tuner.NamedSource{{Name: "lrs", Source: s.Reports(name, nil)}}}
	for n := range benchBackends {
		o.Backends = append(o.Backends, scorer.Backend{Name: backend(n)})
	}
	var tuning sync.WaitGroup
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.Context()))
	tuning.Go(func() { tuner.New(o).Run(ctx) })
	b.Cleanup(func() { cancel(); tuning.Wait() })
}

func received(s *Server) (n uint64) {
	for _, one := range s.Status() {
		n += one.Reports
	}
	return n
}

// cpu is the CPU time that this process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
