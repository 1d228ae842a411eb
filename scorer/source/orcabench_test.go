//go:build unix

package source

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	orcav3 "github.com/cncf/xds/go/xds/data/orca/v3"
	orcaservicev3 "github.com/cncf/xds/go/xds/service/orca/v3"
	"google.golang.org/grpc"

	"github.com/trimtab-lb/trimtab/scorer"
)

// serverVariable makes this program serve reports instead of testing, so that
// its memory and CPU time do not count for those of the source.
const serverVariable = "TRIMTAB_TEST_ORCA_SERVER"

// BenchmarkThousandBackends measures what a thousand streams at one report a
// second cost. An operation is a second.
func BenchmarkThousandBackends(b *testing.B) {
	const streams = 1000
	if os.Getenv(serverVariable) != "" {
		serveReports(b)
		return
	}
	server := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^$", "-test.bench=^BenchmarkThousandBackends$", "-test.benchtime=1x")
	server.Env = append(os.Environ(), serverVariable+"=1")
	stdin, err := server.StdinPipe() // closed when this process ends, however it does
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := server.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { stdin.Close(); _ = server.Wait() })
	var address string
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if _, at, ok := strings.Cut(lines.Text(), "serving at "); ok {
			address = at
			break
		}
	}
	if address == "" {
		b.Fatal("the server did not start")
	}

	var all []scorer.Backend
	for i := range streams {
		all = append(all, scorer.Backend{Name: fmt.Sprint("b", i), Address: address})
	}
	goroutines, memory := runtime.NumGoroutine(), inUse()
	src, err := NewORCA(ORCAOptions{Backends: all})
	if err != nil {
		b.Fatal(err)
	}
	out := make(chan scorer.Report, 32)
	ctx, cancel := context.WithCancel(context.WithoutCancel(b.Context()))
	var running sync.WaitGroup
	running.Go(func() { _ = src.Run(ctx, out) })
	b.Cleanup(func() { cancel(); running.Wait() })
	heardOf := map[string]bool{}
	for begun := time.Now(); len(heardOf) < streams; {
		heardOf[(<-out).Backend] = true
		if time.Since(begun) > 2*time.Minute {
			b.Fatalf("%d of %d backends report", len(heardOf), streams)
		}
	}
	goroutines, memory = runtime.NumGoroutine()-goroutines, inUse()-memory
	before, begun, reports := used(b), time.Now(), 0
	for b.Loop() {
		for second := time.NewTimer(time.Second); second != nil; {
			select {
			case <-out:
				reports++
			case <-second.C:
				second = nil
			}
		}
	}
	took := time.Since(begun).Seconds()
	b.ReportMetric(100*(used(b)-before).Seconds()/took, "%core")
	b.ReportMetric(float64(reports)/took, "reports/s")
	b.ReportMetric(float64(goroutines)/streams, "goroutines/backend")
	b.ReportMetric(memory/streams/1024, "KiB/backend")
}

func serveReports(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := grpc.NewServer()
	orcaservicev3.RegisterOpenRcaServiceServer(s, &pusher{next: constant(&orcav3.OrcaLoadReport{
		CpuUtilization: 0.5, ApplicationUtilization: 0.6, RpsFractional: 100, NamedMetrics: map[string]float64{"queue": 3},
	})})
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(l) })
	fmt.Println("\nserving at " + l.Addr().String())
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
	s.Stop()
	serving.Wait()
}

// inUse is the memory that this process uses, in bytes.
func inUse() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}

// used is the CPU time that this process has used.
func used(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
