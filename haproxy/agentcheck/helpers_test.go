package agentcheck

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
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

// onEach runs a test with every HAProxy there is.
func onEach(t *testing.T, test func(t *testing.T, binary string)) {
	t.Helper()
	if list := os.Getenv(binariesVariable); list != "" {
		for _, binary := range strings.Split(list, ":") {
			t.Run(filepath.Base(binary), func(t *testing.T) { test(t, binary) })
		}
		return
	}
	binary, err := instance.Find()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	test(t, binary)
}

// listening is a server that runs until the test ends or stop is called.
func listening(t *testing.T, c Config) (s *Server, stop func()) {
	t.Helper()
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	if c.Deadline == 0 {
		c.Deadline = eventually
	}
	s, err := Listen(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return s, stop
}

func target(t *testing.T, s *Server, pool string, o TargetOptions) *Target {
	t.Helper()
	target, err := s.Target(pool, o)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func apply(t *testing.T, target *Target, p scorer.Plan) scorer.InForce {
	t.Helper()
	in, err := target.Apply(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// settle applies a plan for as many ticks as its weights may take.
func settle(t *testing.T, target *Target, p scorer.Plan) {
	t.Helper()
	for range 15 {
		apply(t, target, p)
	}
}

// plan is one of configured weights, which no rounder changes: 0 is ejected.
func plan(weights ...float64) scorer.Plan {
	p := scorer.Plan{Pool: "ws", Law: scorer.LawStatic}
	for i, w := range weights {
		d := scorer.Decision{Backend: "s" + strconv.Itoa(i+1), Weight: w, State: scorer.StateReady}
		if w == 0 {
			d.State = scorer.StateEjected
		}
		p.Decisions = append(p.Decisions, d)
	}
	return p
}

func draining(p scorer.Plan, backend int) scorer.Plan {
	p.Decisions[backend-1].Weight, p.Decisions[backend-1].State = 0, scorer.StateDraining
	return p
}

// asked is what a server answers to a text, sent by who does not close.
func asked(t *testing.T, s *Server, text string) string {
	t.Helper()
	c, err := net.DialTimeout("tcp", s.Addr().String(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(2 * eventually)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	// Being reset is an end, too: the server did not read all that was sent.
	got, err := io.ReadAll(c)
	if err != nil && isTimeout(err) {
		t.Fatal(err)
	}
	return string(got)
}

// haproxy is a real one of which n servers, s1 and so on, with an initial weight
// of 100, ask at addr; every second one has health checks besides.
func haproxy(t *testing.T, binary, addr string, n int, inter time.Duration) *instance.Instance {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	healthy := open(t)
	var b strings.Builder
	b.WriteString("global\n  maxconn 200\n  stats socket @SOCKET@ level admin\n" +
		"defaults\n  mode http\n  timeout client 5s\n  timeout server 5s\n  timeout connect 1s\n" +
		"backend ws\n  balance leastconn\n")
	for i := 1; i <= n; i++ {
		check := ""
		if i%2 == 0 {
			check = "check inter 200ms "
		}
		fmt.Fprintf(&b, "  server s%d %s weight 100 %sagent-check agent-inter %dms agent-addr %s agent-port %s agent-send \"ws/s%d\\n\"\n",
			i, healthy, check, inter.Milliseconds(), host, port, i)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	in, err := instance.Start(ctx, instance.Options{Binary: binary, Config: b.String()})
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

// open is an address that takes connections.
func open(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

// state is what HAProxy has of a server.
type state struct {
	Status string
	Weight int
	// Agent is how its newest agent-check went: CHECKED, L4CON, …
	Agent string
}

func states(t *testing.T, in *instance.Instance) map[string]state {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(strings.TrimSpace(strings.TrimPrefix(said(t, in, "show stat ws 4 -1"), "# ")))).ReadAll()
	if err != nil || len(rows) == 0 {
		t.Fatalf("show stat: %d rows, %v", len(rows), err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	out := map[string]state{}
	for _, row := range rows[1:] {
		weight, err := strconv.Atoi(row[column["uweight"]])
		if err != nil {
			t.Fatal(err)
		}
		out[row[column["svname"]]] = state{row[column["status"]], weight, strings.TrimPrefix(row[column["agent_status"]], "* ")}
	}
	return out
}

// said is HAProxy's reply to a command, over a connection of its own.
func said(t *testing.T, in *instance.Instance, command string) string {
	t.Helper()
	c, err := net.DialTimeout("unix", in.Socket(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(eventually)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, command+"\n"); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// eventually is for what has to come about: it only ends a wait for nothing.
const eventually = 30 * time.Second

// until waits for check to succeed and returns how long that took.
func until(t *testing.T, limit time.Duration, check func() error) time.Duration {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); ; <-tick.C {
		err := check()
		if err == nil {
			return time.Since(began)
		}
		if time.Since(began) > limit {
			t.Fatalf("not within %s: %v", limit, err)
		}
	}
}

// during fails if check does at any time.
func during(t *testing.T, length time.Duration, check func() error) {
	t.Helper()
	began := time.Now()
	until(t, length+eventually, func() error {
		if err := check(); err != nil {
			t.Fatal(err)
		}
		if time.Since(began) < length {
			return errors.New("not yet")
		}
		return nil
	})
}

// want compares weights and states.
func want(t *testing.T, in *instance.Instance, server, status string, weight int) error {
	t.Helper()
	got := states(t, in)[server]
	if got.Weight != weight || !strings.HasPrefix(got.Status, status) {
		return fmt.Errorf("%s is %+v, want %s with weight %d", server, got, status, weight)
	}
	return nil
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
