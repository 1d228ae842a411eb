package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/trimtab-lb/trimtab/haproxy"
	"github.com/trimtab-lb/trimtab/haproxy/instance"
	"github.com/trimtab-lb/trimtab/haproxy/policy"
)

// A backend that balances by turns, at a HAProxy that is validated outside of
// the instance, too, and therefore inherits no listener.
const byTurns = `global
  maxconn 200
  stats socket @SOCKET@ level admin
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
backend web
  balance roundrobin # since 2019
  server s1 127.0.0.1:1 weight 100
  server s2 127.0.0.1:1 weight 100
`

// byTurnsWithMaster runs it with a master, which can be reloaded.
func byTurnsWithMaster(t *testing.T) *instance.Instance {
	t.Helper()
	return proxyWith(t, instance.Options{Config: byTurns, MasterWorker: true})
}

func runningAlgorithm(t *testing.T, in *instance.Instance) string {
	t.Helper()
	algorithm, err := policy.Running(t.Context(), in.Socket(), "web")
	if err != nil {
		t.Fatal(err)
	}
	return algorithm
}

func contents(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestHAProxyUsage(t *testing.T) {
	base := []string{"haproxy", "policy", "--config-file", "/nowhere.cfg", "--backend", "web"}
	for _, test := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"no algorithm", base, exitUsage, "<algorithm>"},
		{"unknown algorithm", append(base[:6:6], "source"), exitUsage, "leastconn"},
		{"no way to reload", append(base[:6:6], "leastconn", "--reload"), exitUsage, "--master-socket or --reload-command"},
		{"two ways to reload", append(base[:6:6], "leastconn", "--reload", "--master-socket", "/m", "--reload-command", "true"), exitUsage, "give one"},
		{"a way, but no reload", append(base[:6:6], "leastconn", "--master-socket", "/m"), exitUsage, "are for --reload"},
		{"no file", append(base[:6:6], "leastconn"), exitFailed, "/nowhere.cfg"},
		{"no agent address", []string{"haproxy", "snippet", "--agent-addr", "9901"}, exitUsage, "--agent-addr"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if code, out, errs := call(t, test.args...); code != test.code || !strings.Contains(errs, test.says) {
				t.Errorf("exit code %d, want %d; says\n%s%s\nwant %q", code, test.code, out, errs, test.says)
			}
		})
	}
}

func TestHAProxyPolicyStepByStep(t *testing.T) {
	in := byTurnsWithMaster(t)
	before := contents(t, in.ConfigFile())
	args := []string{"haproxy", "policy", "--config-file", in.ConfigFile(), "--backend", "web", "leastconn"}
	const diff = "-  balance roundrobin # since 2019\n+  balance leastconn # since 2019\n"

	code, out, errs := call(t, append(args, "--dry-run")...)
	if code != exitFine || !strings.Contains(out, diff) || contents(t, in.ConfigFile()) != before {
		t.Fatalf("dry run: exit code %d\n%s%s", code, out, errs)
	}
	code, out, errs = call(t, append(args[:5:5], "wbe", "leastconn")...)
	if code != exitFailed || !strings.Contains(errs, "there are web") {
		t.Errorf("a name mistyped: exit code %d\n%s%s", code, out, errs)
	}
	code, out, errs = call(t, args...)
	if code != exitFine || !strings.Contains(out, diff) || !strings.Contains(out, "until it is reloaded") {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	if got, want := contents(t, in.ConfigFile()), strings.Replace(before, "roundrobin", "leastconn", 1); got != want {
		t.Errorf("the file is\n%s\nwant\n%s", got, want)
	}
	if is := runningAlgorithm(t, in); is != "roundrobin" {
		t.Errorf("not reloaded, but HAProxy balances with %s", is)
	}

	// The file is right now, HAProxy is not.
	tell(t, in, "set server web/s1 weight 33", "set server web/s2 state drain")
	reload := append(args[:len(args):len(args)], "--reload", "--reload-command", fmt.Sprint("kill -USR2 ", in.PID()))
	code, out, errs = call(t, reload...)
	if code != exitFine || !strings.Contains(out, "HAProxy still runs with roundrobin") || !strings.Contains(out, "set again: 2.") {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	if is := runningAlgorithm(t, in); is != "leastconn" {
		t.Errorf("reloaded, but HAProxy balances with %s", is)
	}
	code, out, errs = call(t, reload...)
	if code != exitFine || strings.TrimSpace(out) != "Backend web has balance leastconn already: nothing to change." {
		t.Errorf("once more: exit code %d\n%s%s", code, out, errs)
	}
}

func TestHAProxyPolicyWithoutWriteAccess(t *testing.T) {
	in := byTurnsWithMaster(t) // for a valid configuration, and to skip without HAProxy
	dir, err := os.MkdirTemp("", "trimtab")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	file, program := filepath.Join(dir, "haproxy.cfg"), filepath.Join(dir, "trimtab")
	write(t, file, contents(t, in.ConfigFile()))
	text, err := os.ReadFile(binary(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, text, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{file: 0o444, program: 0o555, dir: 0o555} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.CommandContext(t.Context(), program, "haproxy", "policy", "--config-file", file, "--backend", "web", "leastconn")
	if os.Getuid() == 0 { // root may write anything
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := command.CombinedOutput()
	if code := command.ProcessState.ExitCode(); err == nil || code != exitFailed {
		t.Fatalf("exit code %d, %v\n%s", code, err, out)
	}
	for _, says := range []string{"line 10, change to:     balance leastconn # since 2019", "To be done by ", "haproxy -c -f " + file, "no permission to write"} {
		if !strings.Contains(string(out), says) {
			t.Errorf("says\n%s\nwant %q", out, says)
		}
	}
	if contents(t, file) != contents(t, in.ConfigFile()) {
		t.Error("the file was changed")
	}
}

// tell sends commands to a stats socket that say nothing when they work.
func tell(t *testing.T, in *instance.Instance, commands ...string) {
	t.Helper()
	s, err := haproxy.NewSession(in.Socket())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Exchange(t.Context(), commands, func(i int, text []byte) error {
		if len(text) > 0 {
			return fmt.Errorf("%s: %s", commands[i], text)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func snippet(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errs := call(t, append([]string{"haproxy", "snippet"}, args...)...)
	if code != exitFine {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	return out
}

func TestHAProxySnippet(t *testing.T) {
	all := snippet(t)
	for _, part := range []string{"stats socket /run/haproxy/admin.sock mode 660 level admin", "-S /run/haproxy-master.sock", "load-server-state-from-file global", `agent-send "web/s2\n"`} {
		if !strings.Contains(all, part) {
			t.Errorf("lacks %q:\n%s", part, all)
		}
	}
	if part := snippet(t, "--agent-check", "--backend", "b", "--pool", "p", "--server", "x", "--agent-addr", "10.1.2.3:99"); strings.Contains(part, "global") ||
		!strings.Contains(part, `server x ADDRESS:PORT weight 100 agent-check agent-addr 10.1.2.3 agent-port 99 agent-inter 1s agent-send "p/x\n"`) {
		t.Errorf("agent-check alone:\n%s", part)
	}
}

// What is printed, put together, is a configuration that HAProxy starts with.
func TestHAProxyAcceptsTheSnippet(t *testing.T) {
	text := snippet(t, "--socket", "@SOCKET@", "--group", "root", "--state-file", filepath.Join(t.TempDir(), "state"))
	text = strings.NewReplacer("ADDRESS:PORT", "127.0.0.1:1",
		"load-server-state-from-file global", "load-server-state-from-file global\n    mode http\n    timeout connect 1s\n    timeout client 1s\n    timeout server 1s").Replace(text)
	t.Logf("configuration:\n%s", text)
	in := proxyWith(t, instance.Options{Config: "global\n    maxconn 100\n" + text})
	if is := runningAlgorithm(t, in); is == "" {
		t.Error("the socket does not tell the algorithm")
	}
}
