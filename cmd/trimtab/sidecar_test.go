package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/source"
)

// application is a server that knows nothing of trimtab but has metrics and a
// way to have connections leave.
type application struct {
	*httptest.Server
	served atomic.Int64
	asked  chan string
}

func newApplication(t *testing.T) *application {
	a := &application{asked: make(chan string, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		n := a.served.Add(10) // ten more at each look
		fmt.Fprintf(w, "http_requests_total{code=\"200\"} %d\nhttp_requests_total{code=\"503\"} %d\njobs_waiting 4\n", n, n/10)
	})
	mux.HandleFunc("POST /leave", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		a.asked <- r.Header.Get("Authorization") + " " + string(body)
		fmt.Fprint(w, `{"asked": 2, "open": 3, "movable": 1}`)
	})
	a.Server = httptest.NewServer(mux)
	t.Cleanup(a.Close)
	return a
}

// sidecar runs "trimtab agent" until stop, which returns its exit code.
func sidecar(t *testing.T, args ...string) (stop func() int, log *lockedBuffer) {
	t.Helper()
	log = &lockedBuffer{}
	command := exec.Command(binary(t), append([]string{"agent"}, args...)...)
	command.Stderr = log
	wait := tied(t, command)
	stop = sync.OnceValue(func() int {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = wait()
		return command.ProcessState.ExitCode()
	})
	t.Cleanup(func() { stop() })
	return stop, log
}

// reported waits for a report that is as wanted.
func reported(t *testing.T, what string, s interface {
	Run(ctx context.Context, out chan<- scorer.Report) error
}, log *lockedBuffer, good func(scorer.Report) error,
) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out := make(chan scorer.Report)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, out) }()
	bad := errors.New("no report")
	for bad != nil {
		select {
		case r := <-out:
			bad = good(r)
		case <-ctx.Done():
			t.Fatalf("%s: %v\n%s", what, bad, log)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// The program itself beside an application: trimtab's own sources and a client
// of agent-checks read what it reports.
func TestAgentBesideAnApplication(t *testing.T) {
	t.Parallel()
	app := newApplication(t)
	_, port, err := net.SplitHostPort(app.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		c, err := net.Dial("tcp", app.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	tokens := t.TempDir()
	hook, leave := filepath.Join(tokens, "hook"), filepath.Join(tokens, "leave")
	write(t, hook, "hook-token\n")
	write(t, leave, "leave-token\n")
	orcaAt, httpAt, checkAt := freePort(t), freePort(t), freePort(t)
	stop, log := sidecar(t,
		"--listen-orca", orcaAt, "--listen-http", httpAt, "--listen-agent-check", checkAt,
		"--pid", strconv.Itoa(os.Getpid()), "--port", port, "--scrape", app.URL+"/metrics", "--scrape-period", "200ms",
		"--metric", "requests=http_requests_total", "--metric", `errors=http_requests_total{code=~"5.."}`, "--metric", "queue=jobs_waiting",
		"--token-file", hook, "--shed-url", app.URL+"/leave", "--shed-token-file", leave)

	good := func(r scorer.Report) error {
		// Three that are held, and one by which the metrics are read.
		if n := r.Named["connections"]; n < 3 || n > 5 || r.Named["listening"] != 1 {
			return fmt.Errorf("connections: %v", r.Named)
		}
		if !(r.CPU >= 0 && r.CPU < 2) || !(r.Memory > 0 && r.Memory < 1) {
			return fmt.Errorf("CPU %v, memory %v", r.CPU, r.Memory)
		}
		if share := r.EPS / r.RPS; math.Abs(share-1.0/11) > 0.01 || r.Named["queue"] != 4 {
			return fmt.Errorf("%v requests and %v errors a second, named %v", r.RPS, r.EPS, r.Named)
		}
		return nil
	}
	backends := func(address string) []scorer.Backend { return []scorer.Backend{{Name: "web1", Address: address}} }
	overHTTP, err := source.NewHTTP(source.Options{URL: "http://{address}/load", Period: 200 * time.Millisecond, Backends: backends(httpAt)})
	if err != nil {
		t.Fatal(err)
	}
	reported(t, "over HTTP", overHTTP, log, good)
	overORCA, err := source.NewORCA(source.ORCAOptions{Period: 100 * time.Millisecond, Backends: backends(orcaAt)})
	if err != nil {
		t.Fatal(err)
	}
	reported(t, "over ORCA", overORCA, log, good)

	agentCheck := func() string {
		c, err := net.Dial("tcp", checkAt)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		text, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if got := agentCheck(); !strings.HasSuffix(got, "%\n") {
		t.Errorf("agent-check: %q", got)
	}
	post := func(path, token, body string) (int, string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+httpAt+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		return response.StatusCode, strings.TrimSpace(string(text))
	}
	if code, _ := post("/shed", "leave-token", `{"connections": 2}`); code != http.StatusForbidden {
		t.Errorf("another token: status %d", code)
	}
	if code, text := post("/shed", "hook-token", `{"connections": 2, "by": "trimtab"}`); code != http.StatusOK || text != `{"asked":2,"open":3,"movable":1}` {
		t.Errorf("shed: status %d, %s", code, text)
	}
	if got, want := <-app.asked, `Bearer leave-token {"connections":2,"by":"trimtab"}`; got != want {
		t.Errorf("the application was asked %s, want %s", got, want)
	}
	if code, _ := post("/drain", "hook-token", ""); code != http.StatusOK || agentCheck() != "drain\n" {
		t.Errorf("drain: status %d, agent-check %q", code, agentCheck())
	}
	if code, _ := post("/undrain", "hook-token", ""); code != http.StatusOK || !strings.HasPrefix(agentCheck(), "ready ") {
		t.Errorf("undrain: status %d, agent-check %q", code, agentCheck())
	}
	if code := stop(); code != exitFine {
		t.Errorf("exit code %d\n%s", code, log)
	}
	if strings.Contains(log.String(), "-token\n") || strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("log:\n%s", log)
	}
}

// usualAgent is how the agent is run beside a server that has metrics.
const usualAgent = "trimtab agent --listen-http 127.0.0.1:9001 --listen-orca 127.0.0.1:9002 --port 8080 --scrape http://127.0.0.1:8080/metrics --metric requests=http_requests_total"

// Each agent of the README runs, reports and ends when it is told to.
func TestReadmeAgentsRun(t *testing.T) {
	t.Parallel()
	lines := []string{usualAgent}
	for _, block := range blocks(t, "sh") {
		for line := range strings.Lines(block) {
			if command, _, _ := strings.Cut(line, "#"); strings.HasPrefix(command, "trimtab agent ") {
				lines = append(lines, command)
			}
		}
	}
	app := newApplication(t)
	hook := filepath.Join(t.TempDir(), "token")
	write(t, hook, "hook-token\n")
	for _, line := range lines {
		at := freePort(t)
		_, port, _ := net.SplitHostPort(app.Listener.Addr().String())
		args := strings.Fields(strings.NewReplacer(
			"127.0.0.1:9001", at, "127.0.0.1:9002", freePort(t), "127.0.0.1:9003", freePort(t),
			"127.0.0.1:8080", app.Listener.Addr().String(), "8080", port, "/etc/trimtab/token", hook,
		).Replace(line))
		stop, log := sidecar(t, args[2:]...)
		overHTTP, err := source.NewHTTP(source.Options{
			URL: "http://{address}/load", Period: 200 * time.Millisecond,
			Backends: []scorer.Backend{{Name: "web1", Address: at}},
		})
		if err != nil {
			t.Fatal(err)
		}
		reported(t, line, overHTTP, log, func(r scorer.Report) error {
			if !(r.CPU >= 0) || r.Named["listening"] != 1 {
				return fmt.Errorf("reports %+v", r)
			}
			return nil
		})
		if code := stop(); code != exitFine {
			t.Errorf("%s: exit code %d\n%s", line, code, log)
		}
	}
}

func TestAgentUsage(t *testing.T) {
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{nil, exitUsage, "nothing to serve"},
		{[]string{"--listen-http", ":0", "--pid", "1", "--cgroup", "/"}, exitUsage, "--pid"},
		{[]string{"--listen-http", ":0", "--pid=-1"}, exitUsage, "process -1"},
		{[]string{"--listen-http", ":0", "--metric", "cpu=x"}, exitUsage, "--scrape"},
		{[]string{"--listen-http", ":0", "--scrape", "http://a/", "--metric", "cpu"}, exitUsage, "SIGNAL=METRIC"},
		{[]string{"--listen-http", "127.0.0.1:0", "--cgroup", "/none"}, exitFailed, "cgroup /none"},
	} {
		code, _, errs := call(t, append([]string{"agent"}, test.args...)...)
		if code != test.code || !strings.Contains(errs, test.says) {
			t.Errorf("%q: exit code %d, says %q, want %d and %q", test.args, code, errs, test.code, test.says)
		}
	}
}
