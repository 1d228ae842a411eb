package backend

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

func condition(t *testing.T, b *Backend, change func(*Condition)) {
	t.Helper()
	c := b.Condition()
	change(&c)
	if err := b.SetCondition(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// soonEnough is by how much more than it has to a request or message may be there.
// That it has come is noted a moment before its work begins; where the processor is
// taken away between the two it was there for longer, which says nothing of what it
// costs: of several, one counts.
const soonEnough = 10 * time.Millisecond

// leastServed has requests or messages answered until one was there for no longer
// than it has to be, and returns how many that were. None may be there for less.
func leastServed(t *testing.T, want time.Duration, answered func() time.Duration) (n int) {
	t.Helper()
	eventually(t, "somebody is there for no longer than it has to be", func() bool {
		served := answered()
		if served < want {
			t.Fatalf("it was there for %v, want %v", served, want)
		}
		n++
		return served <= want+soonEnough
	})
	return n
}

// asked sends a request and returns its status and for how long it was there, by
// the exact instants.
func asked(t *testing.T, b *Backend, demand, wait string) (status int, served time.Duration) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+b.Addr(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(DemandHeader, demand)
	req.Header.Set(WaitHeader, wait)
	resp, err := client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	seconds, err := strconv.ParseFloat(resp.Header.Get(ServedHeader), 64)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, time.Duration(seconds * float64(time.Second))
}

func TestConditionsCostWhatTheySay(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Condition)
		status int
		served time.Duration
	}{
		"healthy":       {func(*Condition) {}, 200, 50 * time.Millisecond},
		"speed":         {func(c *Condition) { c.Speed = 2 }, 200, 40 * time.Millisecond},
		"part of cores": {func(c *Condition) { c.Cores = 0.5 }, 200, 70 * time.Millisecond},
		"wait factor":   {func(c *Condition) { c.WaitFactor = 2 }, 200, 80 * time.Millisecond},
		"distance":      {func(c *Condition) { c.Distance = 15 * time.Millisecond }, 200, 65 * time.Millisecond},
		"error":         {func(c *Condition) { c.ErrorShare = 1 }, 500, time.Millisecond},
		"far error":     {func(c *Condition) { c.ErrorShare, c.Distance = 1, 15*time.Millisecond }, 500, 16 * time.Millisecond},
		"hang":          {func(c *Condition) { c.Hang = 60 * time.Millisecond }, 504, 60 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			b := started(t, Config{Cores: 1})
			condition(t, b, test.change)
			leastServed(t, test.served, func() time.Duration {
				status, served := asked(t, b, "0.02", "0.03")
				if status != test.status {
					t.Errorf("status %d, want %d", status, test.status)
				}
				return served
			})
		})
	}
}

// A backend that begins to hang ends what it was working on.
func TestHangLeavesWhatIsInProgress(t *testing.T) {
	b := started(t, Config{Cores: 1})
	status := make(chan int, 1)
	go func() {
		r, _ := send(context.Background(), client(t), "GET", "http://"+b.Addr(), "0.1", "")
		status <- r.status
	}()
	eventually(t, "the request is worked on", func() bool { return b.Totals().BusySeconds > 0 })
	condition(t, b, func(c *Condition) { c.Hang = 50 * time.Millisecond })
	if got := <-status; got != http.StatusOK {
		t.Errorf("status %d", got)
	}
	if got, _ := asked(t, b, "", ""); got != http.StatusGatewayTimeout {
		t.Errorf("status %d of what comes then, want 504", got)
	}
	if got := get(t, client(t), b, "/health", ""); got.status != 200 {
		t.Errorf("its health check says %d", got.status)
	}
	condition(t, b, func(c *Condition) { c.Hang = 0 })
	if got, _ := asked(t, b, "0.001", ""); got != 200 {
		t.Errorf("status %d once it is well again", got)
	}
}

// Nothing is worked on without cores, and nothing is lost.
func TestNoCoresAreAPause(t *testing.T) {
	b := started(t, Config{Cores: 2})
	condition(t, b, func(c *Condition) { c.Cores = 0 })
	status := make(chan int, 1)
	go func() {
		r, _ := send(context.Background(), client(t), "GET", "http://"+b.Addr(), "0.001", "")
		status <- r.status
	}()
	eventually(t, "the request is there", func() bool { return b.Totals().OpenRequests == 1 })
	condition(t, b, func(c *Condition) { c.Cores = 2 })
	if got := <-status; got != 200 {
		t.Errorf("status %d", got)
	}
}

func TestAwayRefusesAndComesBack(t *testing.T) {
	b := started(t, Config{Cores: 1})
	condition(t, b, func(c *Condition) { c.Away = true })
	if _, err := send(t.Context(), client(t), "GET", "http://"+b.Addr(), "", ""); err == nil {
		t.Error("it answers while it is away")
	}
	condition(t, b, func(c *Condition) { c.Away = false })
	if got := get(t, client(t), b, "/", ""); got.status != 200 {
		t.Errorf("status %d once it is back", got.status)
	}
}

func TestReportsWhatItIsTold(t *testing.T) {
	said := Report{CPUUtilization: 0.25, ApplicationUtilization: 0.25, RPS: 3, EPS: 1}
	silent := false
	b := started(t, Config{Cores: 1, InBand: true, Report: func() (Report, bool) { return said, !silent }})
	resp, err := client(t).Get("http://" + b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	const want = "TEXT application_utilization=0.25,cpu_utilization=0.25,rps_fractional=3,eps=1"
	if got := resp.Header.Get("Endpoint-Load-Metrics"); got != want {
		t.Errorf("the answer says %q, want %q", got, want)
	}
	if got := get(t, client(t), b, "/load", ""); got.status != 200 || !strings.Contains(got.body, `"cpu_utilization":0.25`) {
		t.Errorf("/load says %+v", got)
	}
	silent = true
	if got := get(t, client(t), b, "/load", ""); got.status != http.StatusServiceUnavailable {
		t.Errorf("/load of one that says nothing: %+v", got)
	}
}

func TestConditionsThatCannotBe(t *testing.T) {
	b := started(t, Config{Cores: 1})
	for _, c := range []Condition{{Cores: -1}, {Speed: -1}, {Distance: -1}, {Hang: -1}, {WaitFactor: -1}, {ErrorShare: 2}} {
		if err := b.SetCondition(t.Context(), c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}
