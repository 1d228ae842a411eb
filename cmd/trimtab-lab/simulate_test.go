package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/judgement"
)

// small is a scenario that takes no time.
const small = `
name: small
duration: 10s
warmup: 2s
backends: [{name: a, cores: 4}, {name: b, cores: 2}]
traffic: [{kind: requests, utilization: 0.5, demand: {exp: 10ms}}]
`

// written puts scenarios into a directory.
func written(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestSimulateUsage(t *testing.T) {
	good := written(t, map[string]string{"small.yaml": small, "notes.txt": "no scenario"})
	bad := written(t, map[string]string{"bad.yaml": "name: bad\nduration: 10\n", "worse.yml": "nonsense: 1\n"})
	twice := written(t, map[string]string{"a.yaml": small, "b.yaml": small})
	for _, test := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"nothing", nil, exitUsage, []string{"--scenario or --draw"}},
		{"seeds", []string{"--scenario", good, "--seeds", "0"}, exitUsage, []string{"--seeds 0"}},
		{"draw", []string{"--scenario", good, "--draw=-1"}, exitUsage, []string{"--draw -1"}},
		{"policy", []string{"--scenario", good, "--policies", "equal,nobody"}, exitUsage, []string{"--policies nobody", "trimtab-noreports"}},
		{"policy twice", []string{"--scenario", good, "--policies", "equal,equal"}, exitUsage, []string{"each once"}},
		{"proxy", []string{"--scenario", good, "--proxies", "nginx"}, exitUsage, []string{"--proxies nginx", "haproxy/random(2)"}},
		{"output", []string{"--scenario", good, "-o", "xml"}, exitUsage, []string{"output"}},
		{"chart", []string{"--scenario", good, "-o", "html", "--policies", "equal", "--charts", "other"}, exitFailed, []string{"--charts other"}},
		{"absent", []string{"--scenario", filepath.Join(good, "absent.yaml")}, exitFailed, []string{"absent.yaml"}},
		{"no scenarios", []string{"--scenario", t.TempDir()}, exitFailed, []string{"no *.yaml"}},
		{"all that is wrong", []string{"--scenario", bad}, exitFailed, []string{"bad.yaml:2:11: duration", "worse.yml:1:1"}},
		{"the same name", []string{"--scenario", twice}, exitFailed, []string{"b.yaml: scenario small is in ", "a.yaml, too"}},
		{"readme without markers", []string{"--scenario", good, "--policies", "equal", "--readme", filepath.Join(good, "notes.txt")}, exitFailed, []string{"notes.txt", judgement.Begin}},
		{"out that is a file", []string{"--scenario", good, "--policies", "equal", "--out", filepath.Join(good, "notes.txt")}, exitFailed, []string{"--out"}},
		{"good", []string{"--scenario", good, "--policies", "equal,trimtab"}, exitFine, []string{"1 scenario, one seed", "haproxy/leastconn", "worst regret"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, out, errs := called(t, t.Context(), append([]string{"simulate"}, test.args...)...)
			if code != test.code {
				t.Errorf("exit code %d, want %d; it said:\n%s%s", code, test.code, out, errs)
			}
			for _, want := range test.says {
				if !strings.Contains(out+errs, want) {
					t.Errorf("%q is not in:\n%s%s", want, out, errs)
				}
			}
		})
	}
}

// judged runs simulate -o json.
func judged(t *testing.T, args ...string) (string, []simulate.Summary) {
	t.Helper()
	code, out, errs := called(t, t.Context(), append([]string{"simulate", "-o", "json"}, args...)...)
	if code != exitFine {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var got []simulate.Summary
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v in:\n%s", err, out)
	}
	return out, got
}

// lines are what summaries are of.
func lines(all []simulate.Summary) []string {
	var out []string
	for _, s := range all {
		line := s.Scenario + " " + s.Proxy + ":"
		for _, p := range s.Policies {
			line += " " + p.Name
			if p.Figures == nil {
				line += " n/a"
			}
		}
		out = append(out, line)
	}
	return out
}

func TestSimulateJSON(t *testing.T) {
	dir := written(t, map[string]string{
		"small.yaml": small + "policies: [agent-check, omniscient, trimtab]\n",
		"envoy.yaml": strings.Replace(small, "name: small", "name: envoy\nproxy: {kind: envoy}", 1) + "policies: [agent-check, omniscient]\n",
		"pools.yaml": strings.NewReplacer("name: small", "name: pools", "kind: requests,", "kind: requests, pool: other, rate: 9/s, demand: 10ms}, {kind: requests, pool: web,").Replace(small) +
			"pools: [{name: web}, {name: other, backends: [b], proxy: {kind: envoy}}]\npolicies: [agent-check, omniscient]\n",
	})
	first, got := judged(t, "--scenario", dir, "--seeds", "2", "--proxies", "own,haproxy/random(2),haproxy/leastconn")
	want := []string{
		"envoy envoy/least_request: agent-check n/a omniscient",
		"envoy haproxy/random(2): agent-check omniscient",
		"envoy haproxy/leastconn: agent-check omniscient",
		"pools haproxy/leastconn + envoy/least_request: agent-check n/a omniscient",
		"pools haproxy/random(2): agent-check omniscient",
		"pools haproxy/leastconn: agent-check omniscient",
		"small haproxy/leastconn: agent-check omniscient trimtab",
		"small haproxy/random(2): agent-check omniscient trimtab",
	}
	if diff := cmp.Diff(want, lines(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, s := range got {
		if s.Run != "simulate" || s.Seeds != 2 || !s.Valid {
			t.Errorf("%+v", s)
		}
	}
	second, _ := judged(t, "--scenario", dir, "--seeds", "2", "--proxies", "own,haproxy/random(2),haproxy/leastconn")
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("another time (-first +second):\n%s", diff)
	}
}

func TestSimulateWritesAll(t *testing.T) {
	dir := written(t, map[string]string{
		"small.yaml": small, "boot60.yaml": strings.NewReplacer("small", "boot60", "warmup: 2s", "warmup: 0s").Replace(small),
		"README.md": "before\n" + judgement.Begin + "\nold\n" + judgement.End + "\nafter\n",
	})
	out := filepath.Join(dir, "bin")
	code, table, errs := called(t, t.Context(), "simulate", "--scenario", filepath.Join(dir, "small.yaml"), "--scenario", filepath.Join(dir, "boot60.yaml"),
		"--figures", "--policies", "equal,omniscient,trimtab,trimtab-noreports", "--charts", "small", "--out", out, "--readme", filepath.Join(dir, "README.md"))
	if code != exitFine {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	for _, want := range []string{"2 scenarios, one seed", "regret with reports, haproxy/random(2): worst", "minutes 2 to 5", "round robin, honest reports: worst"} {
		if !strings.Contains(table, want) {
			t.Errorf("%q is not in:\n%s", want, table)
		}
	}
	for name, wants := range map[string][]string{
		"bin/judge.json": {`"proxy": "envoy/round_robin"`, `"scenario": "boot60` + judgement.Later + `"`},
		"bin/judge.html": {"<!doctype html>", "uPlot", `id="chart-1"`},
		"README.md":      {"before\n" + judgement.Begin + "\n2 scenarios, one seed.\n\n| scenario |", "| small | haproxy/leastconn |", "**worst, these 2**", judgement.End + "\nafter\n"},
	} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(string(text), want) {
				t.Errorf("%q is not in %s", want, name)
			}
		}
	}
}

// What make judge does, with two seeds and a handful of scenarios: trimtab is
// about as good as one who knows the capacities.
func TestJudge(t *testing.T) {
	dir := filepath.Join("..", "..", "testdata", "scenarios")
	var files []string
	for _, name := range []string{"two-hetero", "hetero", "step-cores", "envoy-hetero"} {
		files = append(files, filepath.Join(dir, name+".yaml"))
	}
	_, got := judged(t, "--scenario", strings.Join(files, ","), "--seeds", "2", "--policies", "equal,omniscient,trimtab,trimtab-noreports")
	for _, s := range got {
		regret := map[string]float64{}
		for _, p := range s.Policies {
			regret[p.Name] = *p.Regret
		}
		t.Logf("%s: %v", s.Scenario, regret)
		if regret["trimtab"] > 1.15 || regret["trimtab-noreports"] > 1.2 || regret["omniscient"] != 1 {
			t.Errorf("%s: regrets %v", s.Scenario, regret)
		}
	}
}

func TestReadmeHasEveryScenario(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), judgement.Begin+"\n")
	table, _, found := strings.Cut(rest, judgement.End)
	if !found {
		t.Fatal("the README has no table of scenarios")
	}
	paths, err := filepath.Glob(filepath.Join("..", "..", "testdata", "scenarios", "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d scenarios, error %v", len(paths), err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".yaml")
		if !strings.Contains(table, "\n| "+name+" | ") {
			t.Errorf("%s is not in the README's table: run make judge", name)
		}
	}
}
