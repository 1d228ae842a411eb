package compile

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

func TestProxy(t *testing.T) {
	for given, want := range map[string]string{
		"{}":                                  "haproxy/leastconn",
		"{balance: random(2)}":                "haproxy/random(2)",
		"{balance: roundrobin}":               "haproxy/roundrobin",
		"{kind: envoy}":                       "envoy/least_request",
		"{kind: envoy, choice_count: 2}":      "envoy/least_request",
		"{kind: envoy, choice_count: 3}":      "envoy/least_request choice_count=3",
		"{kind: envoy, bias: 0.5}":            "envoy/least_request bias=0.5",
		"{kind: envoy, full_scan: true}":      "envoy/least_request full_scan",
		"{kind: envoy, workers: 4}":           "envoy/least_request workers=4",
		"{kind: envoy, workers: 2}":           "envoy/least_request",
		"{kind: envoy, balance: round_robin}": "envoy/round_robin",
	} {
		if got := Proxy(minimal(t, "{name: a, cores: 1}", "proxy: "+given).Proxy).String(); got != want {
			t.Errorf("%s: %s, want %s", given, got, want)
		}
	}
}

func TestMatch(t *testing.T) {
	m, err := Match(minimal(t, "{name: a, cores: 1}", `
seed: 7
proxies: 3
reports: {period: 2s, delay: 3s, noise: 0.1, lost: 0.25}
policies: [equal, omniscient-best, trimtab]`), 3)
	if err != nil {
		t.Fatal(err)
	}
	var policies []string
	for _, p := range m.Policies {
		policies = append(policies, p.Name)
	}
	s := m.Scenario
	got := []any{s.Proxies, s.Warmup, s.Duration, s.Timeout, *s.Reports, m.Seeds, policies}
	want := []any{
		3, 20 * time.Second, 80 * time.Second, 30 * time.Second,
		simulate.Reports{Period: 2 * time.Second, Delay: 3 * time.Second, Noise: 0.1, Missing: 0.25},
		[]uint64{7, 8, 9},
		[]string{"equal", "omniscient-best", "trimtab"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	none, err := Match(minimal(t, "{name: a, cores: 1}", "reports: none"), 1)
	if err != nil || none.Scenario.Reports != nil {
		t.Errorf("reports: none is %+v, error %v", none.Scenario.Reports, err)
	}
}

func TestEveryPolicyIsKnown(t *testing.T) {
	got, err := Policies(scenario.Policies())
	if err != nil || len(got) != len(scenario.Policies()) {
		t.Errorf("%d policies, error %v", len(got), err)
	}
	if _, err := Policies([]scenario.Policy{"nobody"}); err == nil {
		t.Error("no error for a policy that is not known")
	}
}

// quickened is a scenario in which all happens that many times as fast, so that
// it has fewer requests.
func quickened(f scenario.File, times int) scenario.File {
	f = f.Expand()
	f.Traffic = slices.Clone(f.Traffic)
	n := time.Duration(times)
	f.Warmup, f.Duration = f.Warmup/n, f.Duration/n
	for i := range f.Backends {
		f.Backends[i].JoinsAt /= n
		f.Backends[i].LeavesAt /= n
	}
	for i := range f.Events {
		f.Events[i].At /= n
	}
	for i := range f.Traffic {
		if r := f.Traffic[i].Requests; r != nil {
			short := *r
			short.Profile = nil
			for _, p := range r.Profile {
				p.At /= n
				short.Profile = append(short.Profile, p)
			}
			f.Traffic[i].Requests = &short
		}
		if w := f.Traffic[i].WebSockets; w != nil {
			short := *w
			short.ConnectOver /= n
			f.Traffic[i].WebSockets = &short
		}
	}
	return f
}

// played is how these files are judged, a hundred times as fast.
func played(t *testing.T, files []scenario.File) [][]simulate.Verdict {
	t.Helper()
	var matches []simulate.Match
	for _, f := range files {
		m, err := Match(quickened(f, 100), 1)
		if err != nil {
			t.Fatal(err)
		}
		matches = append(matches, m)
	}
	verdicts, err := simulate.Play(t.Context(), matches, nil)
	if err != nil {
		t.Fatal(err)
	}
	return verdicts
}

// All files can be judged, and each policy that its proxy can run has a result.
func TestAllFilesRun(t *testing.T) {
	needReports := []string{"orca", "agent-check", "a58", "utilization"}
	for _, verdicts := range played(t, files(t)) {
		for _, v := range verdicts {
			if v.NotApplicable == "" && (len(v.Results) != 1 || v.Results[0].Requests == 0) {
				t.Errorf("%s: %s: %d results, want one with requests", v.Scenario, v.Policy, len(v.Results))
			}
			if v.NotApplicable != "" && !slices.Contains(needReports, v.Policy) {
				t.Errorf("%s: %s is not applicable: %s", v.Scenario, v.Policy, v.NotApplicable)
			}
		}
	}
}

func TestTheSameEachTime(t *testing.T) {
	some := files(t)[:8]
	var runs [2][]byte
	for i := range runs {
		var all []simulate.Summary
		for _, verdicts := range played(t, some) {
			all = append(all, simulate.Summarize(verdicts)...)
		}
		var err error
		if runs[i], err = json.MarshalIndent(all, "", " "); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(runs[0]), string(runs[1])); diff != "" {
		t.Errorf("-first +second:\n%s", diff)
	}
}
