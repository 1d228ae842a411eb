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
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
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
