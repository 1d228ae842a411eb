package judgement

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

func TestTable(t *testing.T) {
	var b strings.Builder
	if err := WriteTable(&b, []Entry{
		judged("video", "haproxy/leastconn", r{"equal": 12.34, "orca": -1, "omniscient": 1, "trimtab": 1.04},
			with("trimtab", func(f *simulate.Figures) { f.Errors, f.WeightChanges = 0.004, 0.25 }),
			with("equal", func(f *simulate.Figures) { f.Errors, f.WeightChanges = 0.0004, 0.04 })),
		judged("api", "envoy/least_request", r{"equal": 1.5, "orca": 2, "omniscient": 1, "trimtab": 0.9}),
		judged("none", "envoy/least_request", r{"equal": 1}, with("equal", func(f *simulate.Figures) { f.Regret = nil })),
	}); err != nil {
		t.Fatal(err)
	}
	want := `3 scenarios, medians over 2 seeds.
p99 in ms and regret: p99 over omniscient's; of pools of connections only, imbalance over omniscient's.
Behind e, errors; behind /, weight changes per backend and minute.

scenario       proxy                equal      orca      omniscient  trimtab
video          haproxy/leastconn    1234 12.3  n/a       100 1.00    104 1.04 e0.4% /0.2
api            envoy/least_request  150 1.50   200 2.00  100 1.00    90 0.90
none           envoy/least_request  100        n/a       n/a         n/a
median regret                       6.92       2.00      1.00        0.97
worst regret                        12.3       2.00      1.00        1.04

n/a:
  orca: not here
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What is said of a run besides: that it was a real one and does not count, and
// how long weights took.
func TestTableOfRealRuns(t *testing.T) {
	soon, late := 3.0, 12.5
	after := func(all ...*float64) func(*simulate.Figures) {
		return func(f *simulate.Figures) {
			for _, a := range all {
				f.Convergence = append(f.Convergence, simulate.ConvergenceSummary{At: 60, Backends: []string{"a"}, After: a})
			}
		}
	}
	var b strings.Builder
	e := judged("video", "haproxy/leastconn", r{"equal": 1.5, "orca": -1, "omniscient": 1, "trimtab": 1},
		with("trimtab", after(&soon, &late)), with("equal", after(&soon, nil)))
	e.Run, e.Valid, e.Invalid = "haproxy", false, []string{"seed 1, equal: late", "seed 2, equal: later"}
	if err := WriteTable(&b, []Entry{e}); err != nil {
		t.Fatal(err)
	}
	want := `
right again after  proxy              equal  orca  omniscient  trimtab
video              haproxy/leastconn  never  –     –           12.5 s

n/a:
  orca: not here

INVALID, as this machine was too slow or not left alone:
  video behind haproxy/leastconn: seed 1, equal: late
  video behind haproxy/leastconn: seed 2, equal: later
`
	if got := b.String(); !strings.HasSuffix(got, want) || !strings.HasPrefix(got, "1 scenario on real proxies, medians over 2 seeds.") {
		t.Errorf("the table does not end with\n%s, it is:\n%s", want, got)
	}
	if got := Convergence(e.Figures("equal")); got != "a at 60 s: after 3 s; a at 60 s: never" {
		t.Errorf("in words: %s", got)
	}
}

func TestMarkdown(t *testing.T) {
	got := Markdown([]Entry{
		judged("video", "haproxy/leastconn", r{"equal": 1.4, "orca": -1, "omniscient": 1, "trimtab": 1.04},
			with("equal", func(f *simulate.Figures) { f.Errors = 0.2 }), with("trimtab", func(f *simulate.Figures) { f.Errors = 0.004 })),
		judged("video", "haproxy/random(2)", r{"trimtab": 3}, instead),
		judged("drawn-1", "haproxy/leastconn", r{"trimtab": 1.3}, random),
		judged("drawn-2", "haproxy/leastconn", r{"trimtab": 1.1}, random),
	})
	want := `3 scenarios, medians over 2 seeds.

| scenario | proxy | omniscient p99 ms | equal | a58 | agent-check | orca | trimtab | trimtab-noreports |
|---|---|---|---|---|---|---|---|---|
| video | haproxy/leastconn | 100 | 1.40 (20.0% errors) | – | – | – | 1.04 | – |
| **median, these 1** | | | **1.40** | – | – | – | **1.04** | – |
| **worst, these 1** | | | **1.40** | – | – | – | **1.04** | – |
| **median, 2 drawn at random** | | | – | – | – | – | **1.20** | – |
| **worst, 2 drawn at random** | | | – | – | – | – | **1.30** | – |
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestReplace(t *testing.T) {
	got, err := Replace("a\n"+Begin+"\nold\n"+End+"\nz\n", "new\n")
	if want := "a\n" + Begin + "\nnew\n" + End + "\nz\n"; err != nil || got != want {
		t.Errorf("%q, error %v; want %q", got, err, want)
	}
	for _, document := range []string{"", Begin + "\n", End + "\n", End + "\n" + Begin + "\n"} {
		if _, err := Replace(document, "new\n"); err == nil {
			t.Errorf("no error for %q", document)
		}
	}
}
