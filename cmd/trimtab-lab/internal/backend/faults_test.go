package backend

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptrace"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFailsFast(t *testing.T) {
	// What failed is still reported whenever the report is read.
	b := started(t, Config{Cores: 1, ReportWindow: time.Hour})
	c := client(t)
	for _, test := range []struct {
		share    float64
		min, max int
	}{{0, 0, 0}, {0.5, 40, 160}, {1, 200, 200}} {
		if err := b.SetFaults(t.Context(), Faults{FailShare: test.share}); err != nil {
			t.Fatal(err)
		}
		failed := 0
		for range 200 {
			if get(t, c, b, "/", "").status == 500 {
				failed++
			}
		}
		if failed < test.min || failed > test.max {
			t.Errorf("share %v: %d of 200 failed", test.share, failed)
		}
		if got := get(t, c, b, "/health", ""); got.status != 200 {
			t.Errorf("share %v: its health check says %d", test.share, got.status)
		}
	}
	total := b.Totals()
	if total.Served+total.Failed != 600 || b.Report().EPS <= 0 {
		t.Errorf("totals %+v, report %+v", total, b.Report())
	}
}

func TestHangsAndGoesOn(t *testing.T) {
	b := started(t, Config{Cores: 1})
	c := client(t)
	if err := b.SetFaults(t.Context(), Faults{Hang: true}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/health", "/load", "/metrics"} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if r, err := send(ctx, c, "GET", "http://"+b.Addr()+path, "", ""); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s of a hung backend: %+v, %v", path, r, err)
		}
		cancel()
	}
	answered := make(chan reply, 1)
	go func() {
		r, _ := send(t.Context(), c, "GET", "http://"+b.Addr(), "0.01", "")
		answered <- r
	}()
	if got, err := send(t.Context(), c, "PUT", "http://"+b.Addr()+"/faults", "", "{}"); err != nil || got.status != 200 {
		t.Fatalf("cannot be told to go on: %+v, %v", got, err)
	}
	if got := <-answered; got.status != 200 {
		t.Errorf("after it goes on: %+v", got)
	}
}

func TestSlowTakesLonger(t *testing.T) {
	b := started(t, Config{Cores: 1})
	if err := b.SetFaults(t.Context(), Faults{Speed: 0.1}); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	get(t, client(t), b, "/", "0.01")
	if took := time.Since(begun); took < 100*time.Millisecond {
		t.Errorf("10 ms of work at a tenth of the speed took %v", took)
	}
}

func TestRefusesConnectionsAndReturnsAtTheSamePort(t *testing.T) {
	b := started(t, Config{Cores: 1})
	c := client(t)
	inProgress := make(chan error, 1)
	go func() {
		_, err := send(t.Context(), client(t), "GET", "http://"+b.Addr(), "3600", "")
		inProgress <- err
	}()
	eventually(t, "request in progress", func() bool { return b.Totals().OpenRequests == 1 })
	if err := b.SetFaults(t.Context(), Faults{Refuse: true}); err != nil {
		t.Fatal(err)
	}
	if err := <-inProgress; err == nil {
		t.Error("a request in progress was answered")
	}
	if _, err := send(t.Context(), c, "GET", "http://"+b.Addr(), "", ""); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want connection refused", err)
	}
	if err := b.SetFaults(t.Context(), Faults{}); err != nil {
		t.Fatal(err)
	}
	if got := get(t, c, b, "/", ""); got.status != 200 {
		t.Errorf("after it returns: %+v", got)
	}
}

// What hangs when a backend breaks everything off is broken off, not let go on.
func TestWhatHangsIsBrokenOff(t *testing.T) {
	const requests = 50
	b := started(t, Config{Cores: requests})
	if err := b.SetFaults(t.Context(), Faults{Hang: true}); err != nil {
		t.Fatal(err)
	}
	c := client(t)
	ended := make(chan error, requests)
	var sent sync.WaitGroup
	sent.Add(requests)
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { sent.Done() },
	})
	for range requests {
		go func() {
			_, err := send(ctx, c, "GET", "http://"+b.Addr(), "", "")
			ended <- err
		}()
	}
	sent.Wait()
	if err := b.SetFaults(t.Context(), Faults{Refuse: true}); err != nil {
		t.Fatal(err)
	}
	for range requests {
		if err := <-ended; err == nil {
			t.Error("a request that hung was answered")
		}
	}
}

func TestFaultsOverHTTP(t *testing.T) {
	b := started(t, Config{Cores: 1})
	c := client(t)
	for body, want := range map[string]int{
		`{"fail_share":0.25,"speed":0.5}`: 200,
		`{"fail_share":2}`:                400,
		`{"speed":-1}`:                    400,
		`{"refuse":true}`:                 400,
		`{"fail":1}`:                      400,
		`x`:                               400,
	} {
		if got, err := send(t.Context(), c, "PUT", "http://"+b.Addr()+"/faults", "", body); err != nil || got.status != want {
			t.Errorf("%s: %+v, %v; want %d", body, got, err, want)
		}
	}
	var got Faults
	if err := json.Unmarshal([]byte(get(t, c, b, "/faults", "").body), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Faults{FailShare: 0.25, Speed: 0.5}, got); diff != "" {
		t.Error(diff)
	}
}
