package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/haproxy/instance"
)

const brief = `name: brief
warmup: 1s
duration: 3s
backends:
  - {name: a, cores: 4}
  - {name: b, cores: 2}
traffic:
  - {kind: requests, rate: 50/s, demand: {exp: 20ms}}
policies: [leastconn, omniscient, orca]
`

func scenarioFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "scenario.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRunTellsWhatItFound(t *testing.T) {
	_, err := instance.Find()
	needed(t, err)
	dir := filepath.Join(t.TempDir(), "out")
	code, out, errs := called(t, t.Context(), "run", "--scenario", scenarioFile(t, brief), "-o", "json", "--out", dir)
	var got []simulate.Summary
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("exit code %d, %v in:\n%s%s", code, err, out, errs)
	}
	if len(got) != 1 || got[0].Scenario != "brief" || got[0].Run != "haproxy" || (code == exitFine) != got[0].Valid {
		t.Fatalf("exit code %d, %s", code, out)
	}
	for i, applicable := range []bool{true, true, false} {
		p := got[0].Policies[i]
		if (p.Figures != nil) != applicable || (p.NotApplicable == "") != applicable {
			t.Errorf("%+v", p)
		}
	}
	kept, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(out, string(kept)); diff != "" {
		t.Errorf("run.json is another result:\n%s", diff)
	}
	page, err := os.ReadFile(filepath.Join(dir, "run.html"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"judged on real proxies", `id="chart-1"`, "only Envoy has client_side_weighted_round_robin", `"name":"leastconn"`} {
		if !strings.Contains(string(page), want) {
			t.Errorf("%q is not on the page", want)
		}
	}
}

// Connections and requests at once, as a table and as a page.
func TestRunPlaysWebSockets(t *testing.T) {
	_, err := instance.Find()
	needed(t, err)
	both := strings.Replace(brief, "policies:", "  - {kind: websockets, clients: 30, message: {every: 500ms, demand: {exp: 10ms}}}\npolicies:", 1)
	for output, wants := range map[string][]string{
		"table": {"1 scenario on real proxies, one seed", "haproxy/leastconn", "worst regret", "orca: only Envoy"},
		"html":  {"<!doctype html>", "judged on real proxies", `id="chart-1"`},
	} {
		code, out, errs := called(t, t.Context(), "run", "--scenario", scenarioFile(t, both), "-o", output)
		for _, want := range wants {
			if !strings.Contains(out, want) {
				t.Errorf("exit code %d, no %q in:\n%.2000s\n%s", code, want, out, errs)
			}
		}
		if (code == exitFine) == strings.Contains(out, "INVALID") {
			t.Errorf("exit code %d of:\n%.2000s", code, out)
		}
		if !strings.Contains(errs, "30 connections, 0 failed, 30 at most") {
			t.Errorf("it does not tell of 30 connections:\n%s", errs)
		}
	}
}

// Each file runs once behind each proxy, however it is named.
func TestRunBehindOtherProxies(t *testing.T) {
	files, err := readScenarios([]string{scenarioFile(t, brief)})
	if err != nil {
		t.Fatal(err)
	}
	c := runCommand{Seeds: 1, Proxies: []string{"own", "haproxy/leastconn", "envoy/least_request"}}
	entries, matches, err := c.matches(files)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, m := range matches {
		text := m.Proxy.String()
		if entries[i].Instead {
			text += " instead"
		}
		got = append(got, text)
	}
	if diff := cmp.Diff([]string{"haproxy/leastconn", "envoy/least_request instead"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRunRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		args []string
		code int
		says string
	}{
		"pools":          {strings.Replace(brief, "kind: requests,", "kind: requests, pool: api,", 1), nil, exitFailed, "scenario.yaml:8: traffic[0].pool: several pools are not runnable"},
		"a wrong file":   {"name: x\n", nil, exitFailed, "scenario.yaml:1"},
		"no seeds":       {brief, []string{"--seeds", "0"}, exitUsage, "--seeds"},
		"unknown policy": {brief, []string{"--policies", "best"}, exitUsage, "best"},
		"same twice":     {brief, []string{"--policies", "equal,equal"}, exitUsage, "each once"},
		"unknown proxy":  {brief, []string{"--proxies", "nginx"}, exitUsage, "must be some of own"},
		"no output":      {brief, []string{"-o", "xml"}, exitUsage, "output"},
		"no trimtab":     {brief, []string{"--policies", "trimtab", "--trimtab", "/nonexistent/trimtab"}, exitFailed, "/nonexistent/trimtab"},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"run", "--scenario", scenarioFile(t, test.text)}, test.args...)
			code, _, errs := called(t, t.Context(), args...)
			if code != test.code || !strings.Contains(errs, test.says) {
				t.Errorf("exit code %d, want %d with %q in:\n%s", code, test.code, test.says, errs)
			}
		})
	}
}
