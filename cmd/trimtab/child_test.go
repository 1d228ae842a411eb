package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
)

// child runs the program itself, as released, until the test ends.
func child(t *testing.T, pools string) *running {
	t.Helper()
	r := &running{addr: freePort(t), config: filepath.Join(t.TempDir(), "trimtab.yaml"), log: &lockedBuffer{}}
	write(t, r.config, r.text(pools))
	r.again(t)
	return r
}

// again starts it once more with the same configuration.
func (r *running) again(t *testing.T) {
	t.Helper()
	command := exec.Command(binary(t), "run", "--config", r.config)
	command.Stderr = r.log
	wait := tied(t, command)
	r.process = command.Process
	r.stop = sync.OnceValue(func() int {
		_ = command.Process.Signal(os.Interrupt)
		_ = wait()
		return command.ProcessState.ExitCode()
	})
	stop := r.stop
	t.Cleanup(func() {
		if code := stop(); code > 0 {
			t.Errorf("trimtab: exit code %d\n%s", code, r.log)
		}
	})
}

// tied starts a program that ends with this one at the latest. It has to be waited for.
//
// The kernel takes the end of the thread that forked for the parent's death, and what
// ties the proxies of other tests ends threads: this one's is kept.
func tied(t *testing.T, command *exec.Cmd) (wait func() error) {
	t.Helper()
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{}
	}
	command.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started, asked, ended := make(chan error), make(chan struct{}), make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the program
		err := command.Start()
		started <- err
		if err == nil {
			<-asked
			ended <- command.Wait()
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	return sync.OnceValue(func() error {
		close(asked)
		return <-ended
	})
}

// workshop is where the program is built.
var workshop = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "trimtab-test") })

// built is the program, built when it is first needed.
var built = sync.OnceValues(func() (string, error) {
	dir, err := workshop()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "trimtab")
	if out, err := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

func binary(t *testing.T) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := workshop(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

func TestHangupReadsTheConfigurationAgain(t *testing.T) {
	in := proxy(t, twoPools)
	r := child(t, fmt.Sprintf("  - {name: web, from: haproxy, targets: [{haproxy: {socket: %q}}]}\n", in.Socket()))
	before := r.until(t, "tuning web", func(d status.Document) bool {
		return len(d.Pools) == 1 && d.Pools[0].Targets[0].InSync
	})
	write(t, r.config, r.text("  - {nmae: web}\n"))
	hangUp(t, r)
	bad := r.until(t, "showing the failed reload", func(d status.Document) bool { return !d.Config.LastReloadOK })
	if len(bad.Pools) != 1 || !strings.Contains(bad.Config.LastError, "nmae") {
		t.Errorf("after a bad file: pools %d, error %q", len(bad.Pools), bad.Config.LastError)
	}
	write(t, r.config, r.text(fmt.Sprintf("  - {name: renamed, from: haproxy, targets: [{haproxy: {socket: %q, backend: web}}]}\n", in.Socket())))
	hangUp(t, r)
	// The new pool runs a moment before the reload is over.
	after := r.until(t, "tuning under the new name", func(d status.Document) bool {
		return len(d.Pools) == 1 && d.Pools[0].Name == "renamed" && d.Pools[0].Targets[0].InSync && d.Config.LastReloadOK
	})
	if after.Config.Hash == before.Config.Hash {
		t.Errorf("configuration %+v, was %+v", after.Config, before.Config)
	}
	if code := r.stop(); code != exitFine {
		t.Errorf("exit code %d\n%s", code, r.log)
	}
}

func hangUp(t *testing.T, r *running) {
	t.Helper()
	if err := r.process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// Two servers that answer and report their load.
func TestAttachReadsLoadReports(t *testing.T) {
	t.Parallel()
	var servers [2]*httptest.Server
	for i := range servers {
		servers[i] = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/load" {
				fmt.Fprintf(w, `{"application_utilization": 0.%d, "rps_fractional": 10}`, 3+3*i)
			}
		}))
		t.Cleanup(servers[i].Close)
	}
	address := func(i int) string { return strings.TrimPrefix(servers[i].URL, "http://") }
	in := proxy(t, strings.NewReplacer(
		"s1 127.0.0.1:1 weight 100", "s1 "+address(0)+" weight 100",
		"s2 127.0.0.1:1 weight 50", "s2 "+address(1)+" weight 50").Replace(twoPools))
	code, out, errs := call(t, "attach", "--socket", in.Socket(), "--backend", "web", "--watch", "4s",
		"--load", "http://{address}/load", "-o", "json")
	if code != exitFine {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	d := decode(t, out)
	for i, want := range []status.Number{0.3, 0.6} {
		if got := d.Pools[0].Backends[i].Utilization; got != want {
			t.Errorf("backend %d: utilization %v, want %v as it reports", i, got, want)
		}
	}
	// A report that cannot be had is said, and keeps nobody from the rest.
	code, out, errs = call(t, "attach", "--socket", in.Socket(), "--backend", "web", "--watch", "3s",
		"--load", "http://{address}/nothing", "--load-format", "prometheus", "-o", "json")
	if d := decode(t, out); code != exitFine || d.Pools[0].Backends[0].Utilization.Known() || !strings.Contains(errs, "/nothing") {
		t.Errorf("exit code %d, utilization %v, says %q", code, d.Pools[0].Backends[0].Utilization, errs)
	}
}

const withWarnings = `
global
  maxconn 200
  stats socket @SOCKET@ level admin
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
backend web
  balance leastconn
  default-server check inter 200ms slowstart 60s
  server s1 127.0.0.1:1 weight 100 agent-check agent-port 1 agent-inter 200ms
  server s2 127.0.0.1:1 weight 50
`

func TestAttachWarnsOfWhatElseSetsWeights(t *testing.T) {
	in := proxy(t, withWarnings)
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	write(t, file, withWarnings)
	code, out, errs := call(t, "attach", "--socket", in.Socket(), "--config-file", file, "--watch", "3s")
	for _, says := range []string{"warning: backend web: an agent-check may overwrite", "--disable-agents", "slowstart ramps weights, too"} {
		if code != exitFine || !strings.Contains(out, says) {
			t.Errorf("exit code %d, table\n%s\n%s\nwant %q", code, out, errs, says)
		}
	}
	if code, _, errs := call(t, "attach", "--socket", in.Socket(), "--disable-agents"); code != exitUsage || !strings.Contains(errs, "--apply") {
		t.Errorf("exit code %d, says %q", code, errs)
	}
}
