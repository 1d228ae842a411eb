package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/advice"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/commandline"
)

func advised(t *testing.T, r *running, args ...string) (advice.Advice, string) {
	t.Helper()
	code, out, errs := call(t, append([]string{"advise", "web", "-o", "json", "--addr", r.addr, "--seeds", "1"}, args...)...)
	if code != exitFine {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var a advice.Advice
	if err := json.Unmarshal([]byte(out), &a); err != nil || len(a.Parts) != 1 {
		t.Fatalf("%v in %s", err, out)
	}
	return a, out
}

// A real HAProxy with two unequal servers is watched, and advised of.
func TestAdvisesOfARealPool(t *testing.T) {
	t.Parallel()
	in := unequal(t)
	r := start(t, fmt.Sprintf("  - {name: web, from: haproxy, targets: [{haproxy: {socket: %q}}]}\n", in.Socket()))
	r.until(t, "steering", steering)
	first, _ := advised(t, r)
	if part := first.Parts[0]; part.Verdict != advice.Unknown || part.Says == "" {
		t.Errorf("after some seconds: %+v", part)
	}
	file := filepath.Join(t.TempDir(), "web.yaml")
	if code, _, errs := call(t, "advise", "web", "--addr", r.addr, "--scenario-out", file); code != exitFailed || !strings.Contains(errs, "nothing was simulated") {
		t.Errorf("exit code %d, says %s", code, errs)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	var a advice.Advice
	var text string
	for a, text = advised(t, r); a.Parts[0].Verdict == advice.Unknown; a, text = advised(t, r) {
		select {
		case <-ctx.Done():
			t.Fatalf("nothing is known in the end: %s", text)
		case <-ticker.C:
		}
	}
	part := a.Parts[0]
	t.Log(part.Says)
	if part.Verdict != advice.Keep && part.Verdict != advice.Change || part.InForce != (advice.Choice{Algorithm: "leastconn", Weights: "trimtab"}) {
		t.Errorf("%s instead of %+v", part.Verdict, part.InForce)
	}
	if part.Choice == nil || !regexp.MustCompile(`^(leastconn|random\(2\)|roundrobin)$`).MatchString(part.Choice.Algorithm) {
		t.Errorf("HAProxy knows no %+v", part.Choice)
	}
	// Eight clients are at two servers all the time.
	if a.Seen.Servers != 2 || a.Seen.Proxies != 1 || !(a.Seen.Rate > 20) || a.Seen.InFlight == nil || *a.Seen.InFlight < 1 || *a.Seen.InFlight > 5 || a.Seen.Utilization != nil {
		t.Errorf("seen %s", text)
	}
	if len(part.Plays) == 0 || !part.Plays[0].Assumed || len(part.Plays[0].Rows) != 6 {
		t.Errorf("plays %+v", part.Plays)
	}

	code, table, errs := call(t, "advise", "web", "--addr", r.addr, "--seeds", "1", "--utilization", "0.8", "--scenario-out", file)
	for _, says := range []string{"pool web: haproxy:", "ALGORITHM", "random(2)", "utilization of 80 % as you say", "not known:"} {
		if code != exitFine || !strings.Contains(table, says) {
			t.Errorf("exit code %d, want %q:\n%s%s", code, says, table, errs)
		}
	}
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := scenario.Parse(file, written)
	if err != nil || len(f.Backends) != 2 || f.Backends[0].Name != "s1" || f.Proxy.Balance != scenario.Leastconn {
		t.Errorf("%v\n%s", err, written)
	}
	t.Logf("%s\n%s", table, written)
}

func TestAdviseSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	in := proxy(t, twoPools)
	r := start(t, fmt.Sprintf("  - {name: web, from: haproxy, targets: [{haproxy: {socket: %q}}]}\n", in.Socket()))
	r.until(t, "steering", steering)
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"advise", "wbe", "--addr", r.addr}, exitFailed, `no such pool: "wbe"; there are web`},
		{[]string{"advise", "web", "--addr", "127.0.0.1:1"}, exitFailed, "is it running there"},
		{[]string{"advise"}, exitUsage, "<pool>"},
		{[]string{"advise", "web", "--seeds", "0"}, exitUsage, "must be 1 to 100"},
		{[]string{"advise", "web", "--utilization", "70"}, exitUsage, "must be a share"},
		{[]string{"advise", "web", "-o", "yaml"}, exitUsage, "must be one of"},
	} {
		if code, _, errs := call(t, test.args...); code != test.code || !strings.Contains(errs, test.says) {
			t.Errorf("%v: exit code %d, says %s, want %d and %q", test.args, code, errs, test.code, test.says)
		}
	}
}

// What advice says to run are commands that there are.
func TestAdvisedCommandsAreCommands(t *testing.T) {
	for _, command := range []string{
		strings.TrimPrefix(commandline.Policy("/nowhere.cfg", "", "web", "random(2)"), "trimtab "),
		strings.TrimPrefix(commandline.Policy("/nowhere.cfg", "/nowhere", "web", "leastconn"), "trimtab "),
		"envoy cluster --pool web --config /nowhere.yaml",
		"dry-run web off --addr 127.0.0.1:1", "unfreeze web --addr 127.0.0.1:1",
	} {
		if code, _, errs := call(t, shellWords(t, command)...); code != exitFailed {
			t.Errorf("%s: exit code %d: %s", command, code, errs)
		}
	}
}

// shellWords are what a shell makes of a command.
func shellWords(t *testing.T, command string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sh", "-c", `printf '%s\0' `+command).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}
