package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/recording"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/haproxy/instance"
)

// unequal is a HAProxy before two servers that do four things at a time and one, and
// clients that keep them busy until the test ends.
func unequal(t *testing.T) *instance.Instance {
	t.Helper()
	var lines strings.Builder
	for i, workers := range []int{4, 1} {
		room := make(chan struct{}, workers)
		s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			room <- struct{}{}
			defer func() { <-room }()
			select {
			case <-time.After(20 * time.Millisecond):
			case <-r.Context().Done():
			}
		}))
		t.Cleanup(s.Close)
		fmt.Fprintf(&lines, "  server s%d %s weight 100\n", i+1, strings.TrimPrefix(s.URL, "http://"))
	}
	in := proxy(t, webPool+lines.String())
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	t.Cleanup(func() { cancel(); clients.Wait() })
	for range 8 {
		clients.Go(func() {
			for ctx.Err() == nil {
				request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+in.Addr(0), nil)
				if err != nil {
					return
				}
				if response, err := http.DefaultClient.Do(request); err == nil {
					_, _ = io.Copy(io.Discard, response.Body)
					_ = response.Body.Close()
				}
			}
		})
	}
	return in
}

func replayed(t *testing.T, args ...string) recording.Outcome {
	t.Helper()
	code, out, errs := call(t, append([]string{"replay", "-o", "json"}, args...)...)
	if code != exitFine {
		t.Fatalf("%v: exit code %d: %s", args, code, errs)
	}
	var o recording.Outcome
	if err := json.Unmarshal([]byte(out), &o); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return o
}

// A pool is recorded while it tunes a real HAProxy, and decides the same again.
func TestARecordingIsReplayed(t *testing.T) {
	t.Parallel()
	in := unequal(t)
	dir := t.TempDir()
	socket, file := filepath.Join(dir, "s"), filepath.Join(dir, "web.jsonl")
	r := start(t, fmt.Sprintf("  - {name: web, from: haproxy, targets: [{haproxy: {socket: %q}}]}\n", socket))
	r.until(t, "running", func(d status.Document) bool { return len(d.Pools) == 1 })
	type result struct {
		code int
		errs string
	}
	done := make(chan result, 1)
	watching, enough := context.WithCancel(t.Context())
	go func() {
		errs := &lockedBuffer{}
		code := run(watching, []string{"record", "web", "--for", "1h", "-o", file, "--addr", r.addr}, io.Discard, errs)
		done <- result{code, errs.String()}
	}()
	t.Cleanup(enough)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for began := time.Now(); ; <-ticker.C {
		if _, err := os.Stat(file); err == nil {
			break
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("nothing is recorded\n%s", r.log)
		}
	}
	// HAProxy comes when it is recorded already.
	if err := os.Symlink(in.Socket(), socket); err != nil {
		t.Fatal(err)
	}
	r.until(t, "steering", steering)
	if code, _, errs := call(t, "pin", "web", "s1", "1.4", "--addr", r.addr); code != exitFine {
		t.Fatal(errs)
	}
	d := r.until(t, "holding the pin", func(d status.Document) bool { return d.Pools[0].Backends[0].Weight == 1.4 })
	if code, _, errs := call(t, "unpin", "web", "s1", "--addr", r.addr); code != exitFine {
		t.Fatal(errs)
	}

	// One that begins in the middle goes to standard output.
	code, out, errs := call(t, "record", "web", "--for", "5s", "--addr", r.addr)
	if code != exitFine || !strings.Contains(errs, "none lost; ended: after 5s, as was asked for") {
		t.Fatalf("exit code %d, says %s", code, errs)
	}
	middle := filepath.Join(dir, "middle.jsonl")
	write(t, middle, out)
	if o := replayed(t, middle); o.FromStart || o.Plans < 2 || o.Reports == 0 || o.Ended == "" {
		t.Errorf("from the middle: %+v", o)
	} else {
		t.Logf("from the middle: %d of %d plans the same, %v", o.Same, o.Plans, o.Backends)
	}

	enough()
	got := <-done
	if got.code != exitFine || !strings.Contains(got.errs, "none lost") {
		t.Fatalf("exit code %d, says %s", got.code, got.errs)
	}
	o := replayed(t, file)
	if !o.FromStart || o.Plans < 5 || o.Reports < 20 || o.Plans != o.Same || o.FirstDifference != nil || o.Recorded != o.Replayed {
		t.Errorf("from the start: %d of %d plans the same, first other one %v, %d reports\n%s", o.Same, o.Plans, o.FirstDifference, o.Reports, got.errs)
	}
	if o.Recorded.Moves == 0 || len(o.Changes) == 0 {
		t.Errorf("nothing moved by step %d: %+v", d.Pools[0].Tick, o)
	}
	t.Logf("from the start: %d of %d plans the same", o.Same, o.Plans)

	// Another law decides otherwise, always alike.
	args := []string{"replay", file, "--law", "static", "--set", "limits.step=0.1", "--set", "limits.slow_start=0s"}
	code, table, errs := call(t, args...)
	for _, says := range []string{"pool web: recorded", "replayed with law static, limits.step=0.1", "WHY", "pinned to 1.4", "moves per minute"} {
		if code != exitFine || !strings.Contains(table, says) {
			t.Errorf("exit code %d, want %q:\n%s%s", code, says, table, errs)
		}
	}
	if _, again, _ := call(t, args...); again != table {
		t.Errorf("a second time:\n%s, was\n%s", again, table)
	}
	t.Log(table)
}

func TestRecordAndReplaySayWhatIsWrong(t *testing.T) {
	t.Parallel()
	in := proxy(t, twoPools)
	r := start(t, fmt.Sprintf("  - {name: web, from: haproxy, targets: [{haproxy: {socket: %q}}]}\n", in.Socket()))
	r.until(t, "steering", steering)
	dir := t.TempDir()
	kept, bad, good := filepath.Join(dir, "kept"), filepath.Join(dir, "bad"), filepath.Join(dir, "good")
	write(t, kept, "precious")
	write(t, bad, "frontend web\n")
	write(t, good, `{"trimtab_recording":1,"pool":"web","at":"2026-03-01T12:00:00Z"}`+"\n")
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"record", "wbe", "-o", kept, "--addr", r.addr}, exitFailed, `no such pool: "wbe"; there are web`},
		{[]string{"record", "web", "--for", "2h", "-o", kept, "--addr", r.addr}, exitFailed, "at most 1h"},
		{[]string{"record", "web", "--addr", "127.0.0.1:1"}, exitFailed, "is it running there"},
		{[]string{"record", "web", "--for", "1s", "-o", "/nowhere/file", "--addr", r.addr}, exitFailed, "/nowhere/file"},
		{[]string{"record"}, exitUsage, "<pool>"},
		{[]string{"replay", "/nowhere/file"}, exitFailed, "/nowhere/file"},
		{[]string{"replay", bad}, exitFailed, bad + ":1:"},
		{[]string{"replay", good, "--law", "gravity"}, exitUsage, "must be one of"},
		{[]string{"replay", good, "--set", "limits.floor"}, exitUsage, "want KEY=VALUE"},
		{[]string{"replay", good, "--set", "limits.flor=1"}, exitUsage, "no such setting"},
		{[]string{"replay", good, "--set", "limits.floor=0"}, exitUsage, "must be above 0"},
		{[]string{"replay", good, "--set", "limits.floor=3"}, exitUsage, "at most 1"},
	} {
		if code, _, errs := call(t, test.args...); code != test.code || !strings.Contains(errs, test.says) {
			t.Errorf("%v: exit code %d, says %s, want %d and %q", test.args, code, errs, test.code, test.says)
		}
	}
	if text, err := os.ReadFile(kept); err != nil || string(text) != "precious" {
		t.Errorf("a recording that never began has overwritten a file: %s %v", text, err)
	}
	// Whoever has seen enough has a whole recording.
	ctx, cancel := context.WithCancel(t.Context())
	out, errs := &lockedBuffer{}, &lockedBuffer{}
	done := make(chan int, 1)
	go func() { done <- run(ctx, []string{"record", "web", "--addr", r.addr}, out, errs) }()
	recorded := func() {
		t.Helper()
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for began := time.Now(); !strings.Contains(out.String(), `"plan":`); <-ticker.C {
			if time.Since(began) > time.Minute {
				t.Fatalf("nothing is recorded: %s", errs)
			}
		}
	}
	recorded()
	cancel()
	if code := <-done; code != exitFine || !strings.Contains(errs.String(), "ended: cut off") {
		t.Errorf("exit code %d, says %s", code, errs)
	}
	write(t, good, out.String())
	if o := replayed(t, good); o.Plans == 0 || o.Ended != "cut off" {
		t.Errorf("what was recorded until then: %+v", o)
	}
	// A pool that ends says so.
	out, errs = &lockedBuffer{}, &lockedBuffer{}
	go func() { done <- run(t.Context(), []string{"record", "web", "--addr", r.addr}, out, errs) }()
	recorded()
	r.stop()
	if code := <-done; code != exitFine || !strings.Contains(errs.String(), "stopped") {
		t.Errorf("exit code %d, says %s", code, errs)
	}
}
