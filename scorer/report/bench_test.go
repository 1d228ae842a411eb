//go:build unix

package report

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// answers is a handler that does as little as any, and still answers.
func answers(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }

// nowhere is a writer like HTTP/1's that costs nothing.
type nowhere struct {
	http.Hijacker
	http.Flusher
	header http.Header
}

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n *nowhere) WriteHeader(int)             {}

// processorTime is what this process has used.
func processorTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// each is the processor time of one request, where several processors serve at
// once. The garbage that it leaves is in it.
func each(b *testing.B, h http.Handler) float64 {
	b.Helper()
	requests := atomic.Int64{}
	runtime.GC()
	begun := processorTime()
	b.RunParallel(func(pb *testing.PB) {
		w := &nowhere{header: http.Header{}}
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		n := int64(0)
		for ; pb.Next(); n++ {
			h.ServeHTTP(w, request)
		}
		requests.Add(n)
	})
	return float64((processorTime() - begun).Nanoseconds()) / float64(max(requests.Load(), 1))
}

// What counting adds to a request, alone and beside the bare handler, which
// does nothing but answer.
func BenchmarkMiddleware(b *testing.B) {
	for name, o := range map[string]Options{
		"counts": {}, "header": {InBand: InBand{When: Always}}, "asked": {InBand: InBand{When: Asked}},
	} {
		b.Run(name, func(b *testing.B) {
			r := reporter(b, o)
			bare := each(b, http.HandlerFunc(answers))
			wrapped := each(b, r.Middleware(http.HandlerFunc(answers)))
			b.ReportMetric(bare, "bare-cpu-ns/op")
			b.ReportMetric(wrapped-bare, "added-cpu-ns/op")
			b.ReportMetric(wrapped/max(bare, 1), "ratio")
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	r := reporter(b, Options{})
	for b.Loop() {
		_ = r.Load()
	}
}

// perRequest is the mean time of many requests, of the quickest of some rounds:
// the machine is not the test's alone.
func perRequest(h http.Handler) time.Duration {
	const rounds, requests = 20, 20_000
	w := &nowhere{header: http.Header{}}
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	best := time.Hour
	for range rounds {
		begun := time.Now()
		for range requests {
			h.ServeHTTP(w, request)
		}
		best = min(best, time.Since(begun)/requests)
	}
	return best
}

func TestMeasuredCostOfARequest(t *testing.T) {
	r := reporter(t, Options{})
	bare, wrapped := perRequest(http.HandlerFunc(answers)), perRequest(r.Middleware(http.HandlerFunc(answers)))
	t.Logf("counting adds %v to a request (limit 200ns); the handler alone takes %v", wrapped-bare, bare)
	if !underRace && wrapped-bare > time.Microsecond {
		t.Errorf("%v is far above 200ns", wrapped-bare)
	}
}

// The same over real connections, where it is lost in the noise.
func TestMeasuredShareOfARequest(t *testing.T) {
	r := reporter(t, Options{})
	bare := httptest.NewServer(http.HandlerFunc(answers))
	defer bare.Close()
	wrapped := httptest.NewServer(r.Middleware(http.HandlerFunc(answers)))
	defer wrapped.Close()
	best := map[*httptest.Server]time.Duration{bare: time.Hour, wrapped: time.Hour}
	const rounds, requests = 10, 500
	for range rounds {
		for server := range best {
			begun := time.Now()
			for range requests {
				response, err := server.Client().Get(server.URL)
				if err != nil {
					t.Fatal(err)
				}
				response.Body.Close()
			}
			best[server] = min(best[server], time.Since(begun)/requests)
		}
	}
	ratio := float64(best[wrapped]) / float64(best[bare])
	t.Logf("a request over loopback: %v, counted %v, ratio %.3f", best[bare], best[wrapped], ratio)
	if !underRace && ratio > 2 {
		t.Errorf("a counted request takes %.2f times as long", ratio)
	}
}
