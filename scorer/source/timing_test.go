package source

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// transport answers at once, or never for the hosts that hang.
type transport struct {
	hang func(host string) bool

	mu    sync.Mutex
	asked map[string][]time.Time
}

func (tr *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	tr.mu.Lock()
	tr.asked[r.URL.Host] = append(tr.asked[r.URL.Host], time.Now())
	tr.mu.Unlock()
	if tr.hang(r.URL.Host) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`{"eps":0}`))}, nil
}

func backends(n int) []scorer.Backend {
	out := make([]scorer.Backend, n)
	for i := range out {
		out[i] = scorer.Backend{Name: fmt.Sprint("b", i), Address: fmt.Sprintf("b%d:80", i)}
	}
	return out
}

// collect runs the source for a while and returns how many reports came in of
// each backend.
func collect(t *testing.T, src *HTTP, d time.Duration) map[string]int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	out := make(chan scorer.Report)
	done := make(chan error, 1)
	go func() { done <- src.Run(ctx, out) }()
	counts := map[string]int{}
	for {
		select {
		case r := <-out:
			counts[r.Backend]++
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
			return counts
		}
	}
}

// oneThread keeps the rest of a test on one thread. In Go 1.26 the timers of a
// bubble share one state of the race detector, and when two threads fire timers
// at once its stack can be damaged, which ends the process; hundreds of goroutines
// with timers come to that.
func oneThread(t *testing.T) {
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

func TestPollsAreSpreadAndJittered(t *testing.T) {
	oneThread(t)
	synctest.Test(t, func(t *testing.T) {
		tr := &transport{hang: func(string) bool { return false }, asked: map[string][]time.Time{}}
		src, err := NewHTTP(Options{URL: "http://{address}/", Transport: tr, Backends: backends(200)})
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		collect(t, src, 20*time.Second)
		quarters := map[time.Duration]int{}
		gaps := map[time.Duration]bool{}
		for host, asked := range tr.asked {
			quarters[asked[0].Sub(begun)/(250*time.Millisecond)]++
			for i := range asked[1:] {
				gap := asked[i+1].Sub(asked[i])
				gaps[gap] = true
				if gap < 900*time.Millisecond || gap > 1100*time.Millisecond {
					t.Errorf("%s: %v between polls, want 1 s give or take a tenth", host, gap)
				}
			}
		}
		for q := range time.Duration(4) {
			if quarters[q] < 20 {
				t.Errorf("%d of 200 backends begin in quarter %d of the first period", quarters[q], q)
			}
		}
		if len(gaps) < 100 {
			t.Errorf("only %d different gaps: no jitter", len(gaps))
		}
	})
}

func TestHangingBackendsDoNotFillTheLanes(t *testing.T) {
	oneThread(t)
	synctest.Test(t, func(t *testing.T) {
		hangs := func(host string) bool { return !slices.Contains([]string{"b0:80", "b1:80"}, host) }
		tr := &transport{hang: hangs, asked: map[string][]time.Time{}}
		src, err := NewHTTP(Options{URL: "http://{address}/", Transport: tr, Concurrency: 8, Backends: backends(200)})
		if err != nil {
			t.Fatal(err)
		}
		counts := collect(t, src, 60*time.Second)
		for _, name := range []string{"b0", "b1"} {
			// The first seconds are spent on finding out who hangs.
			if counts[name] < 40 {
				t.Errorf("%s: %d reports in 60 s beside 198 backends that hang, want 40 or more", name, counts[name])
			}
		}
	})
}

func TestTimeoutIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := &transport{hang: func(string) bool { return true }, asked: map[string][]time.Time{}}
		src, err := NewHTTP(Options{URL: "http://{address}/", Transport: tr, Backends: backends(1)})
		if err != nil {
			t.Fatal(err)
		}
		collect(t, src, 10*time.Second)
		s := src.Status()[0]
		if s.Failures < 8 || s.Late != 0 || !strings.Contains(s.LastError, "no complete answer within 500ms") {
			t.Errorf("status %+v, want one failure a second", s)
		}
	})
}

func TestHeldUp(t *testing.T) {
	late := fmt.Errorf("get: %w", context.DeadlineExceeded)
	for _, tt := range []struct {
		err           error
		past, timeout time.Duration
		want          bool
	}{
		{late, time.Millisecond, 500 * time.Millisecond, false},
		{late, 124 * time.Millisecond, 500 * time.Millisecond, false},
		{late, 126 * time.Millisecond, 500 * time.Millisecond, true},
		{late, 40 * time.Millisecond, 20 * time.Millisecond, false},
		{late, 60 * time.Millisecond, 20 * time.Millisecond, true},
		{io.ErrUnexpectedEOF, time.Minute, time.Second, false},
		{nil, time.Minute, time.Second, false},
	} {
		if got := heldUp(tt.err, tt.past, tt.timeout); got != tt.want {
			t.Errorf("heldUp(%v, %v, %v) = %v, want %v", tt.err, tt.past, tt.timeout, got, tt.want)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, tt := range []struct {
		name    string
		options Options
		want    string
	}{
		{"no URL", Options{}, "not an http or https URL"},
		{"another scheme", Options{URL: "ftp://{address}/"}, "not an http or https URL"},
		{"timeout", Options{URL: "http://{address}/", Timeout: 2 * time.Second}, "need 0 < timeout <= period"},
		{"password", Options{URL: "ftp://u:secret@{address}/"}, `"ftp://h:1/"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewHTTP(tt.options)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := NewPrometheus(Options{URL: "http://{address}/"}, Metrics{CPU: "{"}); err == nil || !strings.Contains(err.Error(), "cpu: ") {
		t.Errorf("error %v, want one about cpu", err)
	}
}
