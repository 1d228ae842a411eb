package haproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
	"github.com/trimtab-lb/trimtab/scorer"
)

// binariesVariable lists further HAProxies to run the suite with, separated by
// colons; without it the system's is taken.
const binariesVariable = "TRIMTAB_HAPROXY_BINARIES"

// onEach runs a test with every HAProxy there is, at the same time: most of it
// is waiting.
func onEach(t *testing.T, test func(t *testing.T, binary string)) {
	t.Helper()
	onEachInTurn(t, func(t *testing.T, binary string) {
		if os.Getenv(binariesVariable) != "" {
			t.Parallel()
		}
		test(t, binary)
	})
}

// onEachMeasured is for tests that measure, one after another; under the race
// detector, when times mean little, with the system's HAProxy alone.
func onEachMeasured(t *testing.T, test func(t *testing.T, binary string)) {
	t.Helper()
	if underRace {
		test(t, system(t))
		return
	}
	onEachInTurn(t, test)
}

// onEachInTurn is for tests that must not meet themselves.
func onEachInTurn(t *testing.T, test func(t *testing.T, binary string)) {
	t.Helper()
	if list := os.Getenv(binariesVariable); list != "" {
		for _, binary := range strings.Split(list, ":") {
			t.Run(filepath.Base(binary), func(t *testing.T) { test(t, binary) })
		}
		return
	}
	test(t, system(t))
}

func system(t testing.TB) string {
	t.Helper()
	binary, err := instance.Find()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return binary
}

// versionOf is what a binary says of itself ("HAProxy version 2.6.12-1 …").
func versionOf(t testing.TB, binary string) string {
	t.Helper()
	said, err := exec.Command(binary, "-v").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(said))[2]
}

// preamble begins every configuration of the tests.
const preamble = `
global
  maxconn 500
  stats socket @SOCKET@ level admin
defaults
  mode http
  retries 2
  timeout client 10s
  timeout server 10s
  timeout connect 2s
`

func start(t testing.TB, options instance.Options) *instance.Instance {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	in, err := instance.Start(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("HAProxy said:\n%s", in.Output())
		}
	})
	return in
}

// serverLines are n servers s1 to sn that nobody serves.
func serverLines(n int, options string) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "  server s%d 127.0.0.1:1 %s\n", i, options)
	}
	return b.String()
}

// unserved is a HAProxy with one leastconn backend "ws" of n servers.
func unserved(t testing.TB, binary string, n int) *instance.Instance {
	t.Helper()
	return start(t, instance.Options{
		Binary: binary,
		Config: preamble + "backend ws\n  balance leastconn\n" + serverLines(n, "weight 100"),
	})
}

func newProxy(t testing.TB, c Config) *Proxy {
	t.Helper()
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// run runs p until the test ends.
func run(t testing.TB, p *Proxy) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
}

// watch is a subscription to a backend that a test reads at its own pace.
type watch struct {
	backend *Backend
	*reader
}

func watched(t testing.TB, b *Backend) *watch {
	t.Helper()
	w := &watch{b, &reader{batches: make(chan []scorer.Report, 1)}}
	b.watchers.Add(1)
	b.mu.Lock()
	b.reports = append(b.reports, w.reader)
	b.mu.Unlock()
	t.Cleanup(func() { b.watchers.Add(-1) })
	return w
}

// poll reads once and returns the reports by server.
func (w *watch) poll(t testing.TB) map[string]scorer.Report {
	t.Helper()
	if err := w.backend.proxy.Poll(t.Context()); err != nil {
		t.Fatal(err)
	}
	out := map[string]scorer.Report{}
	select {
	case batch := <-w.batches:
		for _, r := range batch {
			out[r.Backend] = r
		}
	default:
		t.Fatal("a poll brought no reports")
	}
	return out
}

// eventually is for what has to come about: it only ends a wait for nothing.
const eventually = 30 * time.Second

// until waits for check to succeed.
func until(t testing.TB, limit time.Duration, check func() error) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(limit)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %v", limit, err)
		}
		<-tick.C
	}
}

// ask sends one command over a connection of its own, as a person would.
func ask(t testing.TB, in *instance.Instance, command string) string {
	t.Helper()
	reply, err := askSocket(in.Socket(), command)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

func askSocket(socket, command string) (string, error) {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(eventually)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(c, command+"\n"); err != nil {
		return "", err
	}
	reply, err := io.ReadAll(c)
	return strings.TrimSpace(string(reply)), err
}

// weightOf is a server's weight as HAProxy tells anybody.
func weightOf(t testing.TB, in *instance.Instance, server string) int {
	t.Helper()
	reply := ask(t, in, "get weight "+server)
	number, _, _ := strings.Cut(reply, " ")
	weight, err := strconv.Atoi(number)
	if err != nil {
		t.Fatalf("get weight %s: %q", server, reply)
	}
	return weight
}

func wantWeight(t testing.TB, in *instance.Instance, server string, want int) error {
	t.Helper()
	if got := weightOf(t, in, server); got != want {
		return fmt.Errorf("weight of %s is %d, want %d", server, got, want)
	}
	return nil
}

// static is a plan whose weights are set as they are: a HAProxy that has
// weights of 100 keeps its scale.
func static(weights map[string]float64) scorer.Plan {
	p := scorer.Plan{Pool: "ws", Seq: 1, At: time.Now(), Law: scorer.LawStatic}
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		p.Decisions = append(p.Decisions, scorer.Decision{Backend: name, Weight: weights[name], State: scorer.StateReady})
	}
	return p
}

func apply(t testing.TB, b *Backend, p scorer.Plan) scorer.InForce {
	t.Helper()
	in, err := b.Apply(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func wantKind(t testing.TB, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("got %v, want %v", err, kind)
	}
}

// journal keeps what was logged.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) count(part string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.text.String(), part)
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }
