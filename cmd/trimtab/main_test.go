package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/client"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/haproxy/instance"
)

// webPool is a HAProxy with one pool, whose servers are to follow.
const webPool = `
global
  maxconn 200
  stats socket @SOCKET@ level admin
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend web_in
  bind @FD0@
  default_backend web
backend web
  balance leastconn
`

const twoPools = `
global
  maxconn 200
  stats socket @SOCKET@ level admin
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend web
  bind @FD0@
  default_backend web
backend web
  balance leastconn
  server s1 127.0.0.1:1 weight 100
  server s2 127.0.0.1:1 weight 50
backend sticky
  balance source
  server s1 127.0.0.1:1
  server s2 127.0.0.1:1
`

// proxy starts a real HAProxy with one listener.
func proxy(t *testing.T, config string) *instance.Instance {
	t.Helper()
	return proxyWith(t, instance.Options{Config: config, Listeners: 1})
}

// proxyWith starts a real HAProxy; without one the test is skipped, in CI failed.
func proxyWith(t *testing.T, options instance.Options) *instance.Instance {
	t.Helper()
	in, err := instance.Start(t.Context(), options)
	if err != nil {
		if _, missing := instance.Find(); missing != nil && os.Getenv("CI") != "true" {
			t.Skip(missing)
		}
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Stop(); err != nil {
			t.Error(err)
		}
	})
	return in
}

// patience is for what comes at once, or within some steps of trimtab's, where nothing
// else runs: only what never comes takes as long.
const patience = time.Minute

func call(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), args, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestUsage(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"nothing", nil, exitUsage, "expected one of"},
		{"unknown command", []string{"tune"}, exitUsage, "unexpected argument tune"},
		{"unknown flag", []string{"version", "--loud"}, exitUsage, "unknown flag --loud"},
		{"attach without a socket", []string{"attach"}, exitUsage, "--socket"},
		{"once and apply", []string{"attach", "--socket", "/s", "--once", "--apply"}, exitUsage, "--once only watches"},
		{"watch for too short", []string{"attach", "--socket", "/s", "--watch", "1s"}, exitUsage, "two seconds"},
		{"a socket that is none", []string{"attach", "--socket", "nonsense"}, exitUsage, "nonsense"},
		{"nobody at the socket", []string{"attach", "--socket", "/nowhere/s"}, exitFailed, "/nowhere/s"},
		{"no configuration", []string{"check", "--config", "/nowhere.yaml"}, exitFailed, "/nowhere.yaml"},
		{"nobody to ask", []string{"status", "--addr", "127.0.0.1:1"}, exitFailed, "is it running there"},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, out, errs := call(t, test.args...)
			if code != test.code || !strings.Contains(errs, test.says) {
				t.Errorf("exit code %d, want %d; says\n%s%s\nwant %q", code, test.code, out, errs, test.says)
			}
		})
	}
}

func TestHelpAndVersion(t *testing.T) {
	if code, out, _ := call(t, "--help"); code != exitFine || !strings.Contains(out, "attach") {
		t.Errorf("exit code %d, help\n%s", code, out)
	}
	if code, out, _ := call(t, "version"); code != exitFine || !strings.HasPrefix(out, "trimtab ") {
		t.Errorf("exit code %d, version %q", code, out)
	}
}

func TestAttachShowsAndChangesNothing(t *testing.T) {
	in := proxy(t, twoPools)
	code, out, errs := call(t, "attach", "--socket", in.Socket(), "--watch", "3s", "--once", "-o", "json")
	if code != exitFine {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	document := decode(t, out)
	if len(document.Pools) != 1 || document.Pools[0].Name != "web" || document.Pools[0].Mode != "dry-run" {
		t.Fatalf("pools %+v, want web alone and dry: the other one cannot be tuned", document.Pools)
	}
	name := "haproxy:" + in.Socket()
	for i, want := range []int{100, 50} {
		if got := document.Pools[0].Backends[i].Applied[name]; got != want {
			t.Errorf("applied %v, want %d", document.Pools[0].Backends[i].Applied, want)
		}
	}
	if got := weights(t, in); got != "100 50" {
		t.Errorf("weights %s, want them untouched", got)
	}
	code, out, _ = call(t, "attach", "--socket", in.Socket(), "--watch", "2s")
	if code != exitFine || !strings.Contains(out, "SERVER") || !strings.Contains(out, "s2") {
		t.Errorf("exit code %d, table\n%s", code, out)
	}
}

func decode(t *testing.T, text string) status.Document {
	t.Helper()
	var d status.Document
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return d
}

func TestAttachSaysWhyABackendCannotBeTuned(t *testing.T) {
	in := proxy(t, twoPools)
	for backend, says := range map[string]string{"sticky": "balance leastconn", "nobody": `no backend "nobody"`} {
		code, _, errs := call(t, "attach", "--socket", in.Socket(), "--backend", backend)
		if code != exitFailed || !strings.Contains(errs, says) {
			t.Errorf("%s: exit code %d, says %q, want %q", backend, code, errs, says)
		}
	}
}

// weights reads what HAProxy has, over a connection of its own.
func weights(t *testing.T, in *instance.Instance) string {
	t.Helper()
	var out []string
	for _, server := range []string{"s1", "s2"} {
		reply := ask(t, in, "get weight web/"+server)
		first, _, _ := strings.Cut(strings.TrimSpace(reply), " ")
		out = append(out, first)
	}
	return strings.Join(out, " ")
}

func ask(t *testing.T, in *instance.Instance, command string) string {
	t.Helper()
	conn, err := net.Dial("unix", in.Socket())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintln(conn, command); err != nil {
		t.Fatal(err)
	}
	reply, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(reply)
}

// daemon runs "trimtab run" until the test ends.
type running struct {
	addr   string
	config string
	stop   func() int
	log    *lockedBuffer
	// process is the program's where it does not run in this one.
	process *os.Process
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// freePort is an address for a program that is yet to start, or to start once more.
// Until the test ends nobody else is given its port: a socket that listens to nothing
// has it, beside which the kernel lets a program listen that names the port.
func freePort(t *testing.T) string { return freePortAt(t, "127.0.0.1") }

// freePortAt is one of an address of the loopback network. For UDP, where no program can
// listen beside another's socket, it has to be an address that nobody else uses.
func freePortAt(t *testing.T, host string) string {
	t.Helper()
	at := netip.MustParseAddr(host)
	fail := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	fail(err)
	t.Cleanup(func() { _ = syscall.Close(fd) })
	fail(syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1))
	fail(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: at.As4()}))
	bound, err := syscall.Getsockname(fd)
	fail(err)
	return fmt.Sprintf("%s:%d", at, bound.(*syscall.SockaddrInet4).Port)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func start(t *testing.T, pools string) *running {
	t.Helper()
	r := &running{addr: freePort(t), config: filepath.Join(t.TempDir(), "trimtab.yaml"), log: &lockedBuffer{}}
	write(t, r.config, r.text(pools))
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() { code <- run(ctx, []string{"run", "--config", r.config}, io.Discard, r.log) }()
	r.stop = sync.OnceValue(func() int {
		cancel()
		return <-code
	})
	t.Cleanup(func() { r.stop() })
	return r
}

func (r *running) text(pools string) string {
	return fmt.Sprintf("admin: {listen: %q}\npools:\n%s", r.addr, pools)
}

// until asks for the status until it is as wanted.
func (r *running) until(t *testing.T, what string, ok func(status.Document) bool) status.Document {
	t.Helper()
	return r.untilEvery(t, 50*time.Millisecond, what, ok)
}

func (r *running) untilEvery(t *testing.T, interval time.Duration, what string, ok func(status.Document) bool) status.Document {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		document, err := status.Get(ctx, client.Client{Addr: r.addr})
		if err == nil && ok(document) {
			return document
		}
		select {
		case <-ctx.Done():
			t.Fatalf("never %s: %+v %v\n%s", what, document, err, r.log)
		case <-ticker.C:
		}
	}
}

func TestRunSteersReloadsAndRestores(t *testing.T) {
	t.Parallel()
	in := proxy(t, twoPools)
	pool := func(capacity int) string {
		return fmt.Sprintf(`  - name: web
    law: static
    backends: [{name: s1, capacity: %d}, {name: s2, capacity: 1}]
    on_exit: restore
    targets: [{haproxy: {socket: %q}}]
`, capacity, in.Socket())
	}
	r := start(t, pool(4))
	inSync := func(want float64) func(status.Document) bool {
		return func(d status.Document) bool {
			if len(d.Pools) != 1 || len(d.Pools[0].Backends) != 2 || !d.Pools[0].Targets[0].InSync {
				return false
			}
			a, b := d.Pools[0].Backends[0].WeightNow, d.Pools[0].Backends[1].WeightNow
			return a/b > status.Number(want*0.97) && a/b < status.Number(want*1.03)
		}
	}
	r.until(t, "at 4 to 1", inSync(4))

	// A bad file leaves everything as it was, and says all that is wrong.
	before := weights(t, in)
	write(t, r.config, r.text("  - name: web\n    lwa: static\n    limits: {floor: 3}\n"))
	code, body := post(t, "http://"+r.addr+"/-/reload")
	for _, says := range []string{"lwa", "did you mean", "floor", ":4:"} {
		if code < 400 || !strings.Contains(body, says) {
			t.Errorf("reload answers %d %q, want an error that says %q", code, body, says)
		}
	}
	d := r.until(t, "showing the failed reload", func(d status.Document) bool { return d.Config != nil && !d.Config.LastReloadOK })
	if weights(t, in) != before || len(d.Pools) != 1 {
		t.Errorf("weights %s after a bad file, want %s", weights(t, in), before)
	}
	if metrics := get(t, "http://"+r.addr+"/metrics"); !strings.Contains(metrics, "trimtab_config_last_reload_successful 0") {
		t.Error("the metrics do not show the failed reload")
	}

	write(t, r.config, r.text(pool(1)))
	if code, body := post(t, "http://"+r.addr+"/-/reload"); code >= 400 {
		t.Fatalf("reload answers %d %q", code, body)
	}
	r.until(t, "at 1 to 1", inSync(1))
	if ready := get(t, "http://"+r.addr+"/readyz"); strings.Contains(ready, "not") {
		t.Errorf("readyz: %s", ready)
	}

	began := time.Now()
	if code := r.stop(); code != exitFine {
		t.Errorf("exit code %d\n%s", code, r.log)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("shutdown took %v", took)
	}
	if got := weights(t, in); got != "100 50" {
		t.Errorf("weights %s after the end, want those found: 100 50", got)
	}
}

func post(t *testing.T, url string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, request)
}

func get(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, body := do(t, request)
	return body
}

func do(t *testing.T, request *http.Request) (int, string) {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestADeadProxyDelaysNobody(t *testing.T) {
	in := proxy(t, twoPools)
	r := start(t, fmt.Sprintf(`  - {name: dead, from: haproxy, targets: [{haproxy: {socket: /nowhere/s}}]}
  - {name: web, from: haproxy, targets: [{haproxy: {socket: %q}}]}
`, in.Socket()))
	d := r.until(t, "steering the healthy one", func(d status.Document) bool {
		return len(d.Pools) == 2 && d.Pools[1].Tick >= 3 && d.Pools[1].Targets[0].InSync && d.Pools[0].Targets[0].LastError != ""
	})
	if text := d.Pools[0].Targets[0].LastError; !strings.Contains(text, "/nowhere/s") {
		t.Errorf("the dead proxy's error %q does not name its socket", text)
	}
}

func TestCheckPrintsWhatItMeans(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trimtab.yaml")
	write(t, path, "pools: [{name: web, from: haproxy, targets: [{haproxy: {socket: /run/haproxy/admin.sock}}]}]\n")
	code, out, errs := call(t, "check", "--config", path)
	if code != exitFine || !strings.Contains(out, "stale_after: 10s") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}
