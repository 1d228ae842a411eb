package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
)

// unitKeys are a unit file's sections, keys and values, in order of appearance.
func unitKeys(t *testing.T, text string) map[string][]string {
	t.Helper()
	keys, section := map[string][]string{}, ""
	for scanner := bufio.NewScanner(strings.NewReader(text)); scanner.Scan(); {
		line := strings.TrimSpace(scanner.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '[' {
			section = strings.Trim(line, "[]")
			continue
		}
		key, value, found := strings.Cut(line, "=")
		if !found {
			t.Fatalf("%q is no unit file's line", line)
		}
		keys[section+"."+key] = append(keys[section+"."+key], value)
	}
	return keys
}

func TestUnitSaysWhatTrimtabNeeds(t *testing.T) {
	got := unitKeys(t, exampleText(t, "systemd/trimtab.service"))
	for key, want := range map[string][]string{
		"Service.Type":                    {"notify"},
		"Service.ExecReload":              {"/bin/kill -HUP $MAINPID"},
		"Service.WatchdogSec":             {"30s"},
		"Service.DynamicUser":             {"yes"},
		"Service.SupplementaryGroups":     {"haproxy"},
		"Service.StateDirectory":          {"trimtab"},
		"Service.CapabilityBoundingSet":   {""},
		"Service.NoNewPrivileges":         {"yes"},
		"Service.ProtectSystem":           {"strict"},
		"Service.MemoryDenyWriteExecute":  {"yes"},
		"Service.RestrictAddressFamilies": {"AF_UNIX AF_INET AF_INET6"},
		"Service.SystemCallFilter":        {"@system-service", "~@privileged @resources"},
		"Install.WantedBy":                {"multi-user.target"},
	} {
		if diff := cmp.Diff(want, got[key]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
	// The commands are such as trimtab understands.
	for _, key := range []string{"Service.ExecStartPre", "Service.ExecStart"} {
		if len(got[key]) != 1 {
			t.Fatalf("%s=%q, want one", key, got[key])
		}
		args := strings.Fields(got[key][0])
		if args[0] != "/usr/local/bin/trimtab" {
			t.Errorf("%s=%s", key, got[key][0])
		}
		if code, _, errs := call(t, append(args[1:], "--help")...); code != exitFine {
			t.Errorf("%s=%s: %s", key, got[key][0], errs)
		}
	}
}

func TestUnitIsValidAndHardened(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze: ", err)
	}
	unit := filepath.Join(t.TempDir(), "trimtab.service")
	write(t, unit, strings.ReplaceAll(exampleText(t, "systemd/trimtab.service"), "/usr/local/bin/trimtab", binary(t)))
	out, err := exec.CommandContext(t.Context(), analyze, "verify", unit).CombinedOutput()
	// What other units of this machine are told is not ours.
	if err != nil || strings.Contains(string(out), filepath.Base(unit)) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	// In tenths: 0 is closed, 100 is open to everything.
	out, err = exec.CommandContext(t.Context(), analyze, "security", "--no-pager", "--offline=true", "--threshold=20", unit).CombinedOutput()
	if strings.Contains(string(out), "unrecognized option") {
		t.Skip("systemd-analyze judges no unit that is not loaded")
	}
	if err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	t.Log(lines[len(lines)-1])
}

// serviceManager receives what a program tells systemd.
type serviceManager struct {
	*net.UnixConn
	watchdogs int
}

func newServiceManager(t *testing.T, watchdog time.Duration) *serviceManager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", fmt.Sprint(watchdog.Microseconds()))
	return &serviceManager{UnixConn: conn}
}

// next is the next message that is no watchdog's; those are counted.
func (m *serviceManager) next(t *testing.T) []string {
	t.Helper()
	for {
		if fields := m.message(t); fields[0] != "WATCHDOG=1" {
			return fields
		}
		m.watchdogs++
	}
}

func (m *serviceManager) message(t *testing.T) []string {
	t.Helper()
	if err := m.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 4096) // systemd takes no more
	n, err := m.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(buffer[:n]), "\n")
}

func TestTheServiceManagerIsTold(t *testing.T) {
	in := proxy(t, twoPools)
	manager := newServiceManager(t, 400*time.Millisecond)
	yaml := strings.ReplaceAll(exampleText(t, "systemd/trimtab.yaml"), "/run/haproxy/admin.sock", in.Socket())
	r := child(t, yaml[strings.Index(yaml, "pools:\n")+len("pools:\n"):])
	for manager.message(t)[0] != "READY=1" {
		t.Error("told something before it was ready")
	}
	for range 5 {
		if got := manager.message(t); got[0] != "WATCHDOG=1" {
			t.Errorf("told %q while nothing happens", got)
		}
	}
	for _, reload := range []struct{ edit, says string }{
		{"", "STATUS=pools: 1, admin on " + r.addr},
		{"nonsense: 1\n", "reload failed, all stays as it was: " + r.config + ":"},
	} {
		text, err := os.ReadFile(r.config)
		if err != nil {
			t.Fatal(err)
		}
		write(t, r.config, string(text)+reload.edit)
		hangUp(t, r)
		begins := manager.next(t)
		if begins[0] != "RELOADING=1" || !strings.HasPrefix(begins[1], "MONOTONIC_USEC=") {
			t.Errorf("told %q at a reload", begins)
		}
		if ends := manager.next(t); ends[0] != "READY=1" || !strings.Contains(ends[1], reload.says) {
			t.Errorf("told %q after a reload, want %q", ends, reload.says)
		}
	}
	if err := r.process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := manager.next(t); got[0] != "STOPPING=1" {
		t.Errorf("told %q at the end", got)
	}
	if code := r.stop(); code != exitFine {
		t.Errorf("exit code %d\n%s", code, r.log)
	}
}

// The README's way to a token, and what it opens and closes.
func TestSystemdExampleCommands(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("no openssl: ", err)
	}
	in := proxy(t, twoPools)
	s := newStage(t)
	readme := exampleText(t, "systemd/README.md")
	s.run(t, readme, ".", "systemctl", "trimtab status", "curl")
	if s.ran != 6 {
		t.Errorf("%d commands of the README were run", s.ran)
	}
	token := filepath.Join(s.root, "etc/trimtab/token")
	r := &running{addr: freePort(t), config: filepath.Join(s.root, "etc/trimtab/trimtab.yaml"), log: &lockedBuffer{}}
	yaml, err := os.ReadFile(r.config)
	if err != nil {
		t.Fatal(err)
	}
	write(t, r.config, strings.NewReplacer(
		`listen: "127.0.0.1:9902"`, fmt.Sprintf("listen: %q, token_file: %q", r.addr, token),
		"/var/lib/trimtab", filepath.Join(s.root, "state"),
		"/run/haproxy/admin.sock", in.Socket()).Replace(string(yaml)))
	r.again(t)
	r.until(t, "up", func(d status.Document) bool { return len(d.Pools) == 1 })

	if code, body := post(t, "http://"+r.addr+"/-/reload"); code != http.StatusUnauthorized {
		t.Errorf("a reload without the token: %d %s", code, body)
	}
	if _, err := exec.LookPath("curl"); err == nil {
		s = &stage{root: s.root, replace: strings.NewReplacer(
			"curl ", "curl --fail --silent --show-error ", "sudo ", "", "/etc/trimtab/token", token, "localhost:9902", r.addr)}
		s.run(t, readme, ".", "systemctl", "trimtab", "install", "openssl")
		if s.ran != 1 {
			t.Errorf("%d commands of the README were run with the token", s.ran)
		}
	}
	if err := os.Chmod(token, 0o644); err != nil {
		t.Fatal(err)
	}
	if code, body := post(t, "http://"+r.addr+"/-/reload"); code != http.StatusServiceUnavailable {
		t.Errorf("a reload while all may read the token: %d %s", code, body)
	}
	if code := r.stop(); code != exitFine || !strings.Contains(r.log.String(), "mode 0644 opens it to all users") {
		t.Errorf("exit code %d, log\n%s", code, r.log)
	}
	if code, _, errs := call(t, "run", "--config", r.config); code != exitFailed || !strings.Contains(errs, "admin.token_file: token file "+token+": mode 0644") {
		t.Errorf("exit code %d with an open token file: %s", code, errs)
	}
}
