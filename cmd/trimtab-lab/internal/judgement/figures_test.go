package judgement

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

// measuredIn are the rows that were measured, in short.
func measuredIn(t *testing.T, entries []Entry) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, f := range Figures(entries) {
		if _, measured, verdict := f.Texts(); !math.IsNaN(f.Measured) {
			out[f.What] = strings.TrimSpace(measured + " " + verdict + " " + f.Where)
		}
	}
	return out
}

func TestFigures(t *testing.T) {
	lying := func(e *Entry) { e.File.Backends[0].Reports = scenario.ReportsZero }
	eventful := func(e *Entry) { e.File.Events = []scenario.Event{{At: time.Minute}} }
	after := func(s ...float64) func(*simulate.Figures) {
		return func(f *simulate.Figures) {
			for _, seconds := range s {
				f.Convergence = append(f.Convergence, simulate.ConvergenceSummary{After: &seconds})
			}
		}
	}
	rate := func(rate float64) func(*simulate.Figures) {
		return func(f *simulate.Figures) { f.WeightChanges = rate }
	}
	for _, test := range []struct {
		name    string
		entries []Entry
		want    map[string]string
	}{
		{"regrets by proxy", []Entry{
			judged("a", "haproxy/leastconn", r{"trimtab": 1.04, "trimtab-noreports": 1.2}, eventful),
			judged("b", "haproxy/leastconn", r{"trimtab": 0.9, "trimtab-noreports": 1}, eventful),
			judged("c", "haproxy/leastconn", r{"trimtab": 9, "trimtab-noreports": 0.8}, unreported, eventful),
			judged("d", "haproxy/leastconn", r{"trimtab": 7}, random, eventful),
			judged("a", "envoy/least_request", r{"trimtab": 1.2}, instead),
			judged("boot60", "envoy/least_request", r{"trimtab": 5}, instead),
			judged("w", "haproxy/leastconn", r{"trimtab": 1.5}, connections),
		}, map[string]string{
			"regret with reports, scenarios' own proxies: worst":     "1.040 met a",
			"regret with reports, scenarios' own proxies: median":    "0.970 met",
			"regret without reports, scenarios' own proxies: worst":  "1.200 MISSED a",
			"regret without reports, scenarios' own proxies: median": "1.000 met",
			"regret with reports, drawn at random: worst":            "7.000 MISSED d",
			"regret with reports, drawn at random: median":           "7.000 MISSED",
			"regret with reports, haproxy/leastconn: worst":          "1.040 met a",
			"regret with reports, haproxy/leastconn: median":         "0.970 met",
			"regret without reports, haproxy/leastconn: worst":       "1.200 MISSED a",
			"regret without reports, haproxy/leastconn: median":      "1.000 met",
			"regret with reports, envoy/least_request: worst":        "1.200 MISSED a",
			"regret with reports, envoy/least_request: median":       "1.200 MISSED",
			"regret of connections (imbalance), with reports: worst": "1.500  w",
		}},
		{"round robin", []Entry{
			judged("a", "haproxy/roundrobin", r{"trimtab": 1.2}, instead),
			judged("b", "envoy/round_robin", r{"trimtab": 1}, instead),
			judged("liar", "envoy/round_robin", r{"trimtab": 1.3}, instead, lying),
			judged("c", "envoy/round_robin", r{"trimtab": 9}, instead, unreported),
			judged("pools", "haproxy/leastconn + envoy/round_robin", r{"trimtab": 1.15}, eventful),
		}, map[string]string{
			"round robin, honest reports: median":                      "1.150 MISSED",
			"round robin, honest reports: worst":                       "1.200 MISSED a",
			"round robin, lying reports, configured by default: worst": "1.300 MISSED liar",
		}},
		{"by name", []Entry{
			judged("antagonist-late", "x", r{"equal": 1, "trimtab": 1.04}),
			judged("restart", "x", r{"truth": 1, "trimtab": 1.06}, eventful, random),
			judged("boot60", "x", r{"trimtab": 1.1}, eventful, connections),
			judged("boot-video", "x", r{"trimtab": 1.3}, eventful, connections),
			judged("boot60"+Later, "x", r{"trimtab": 1}, instead),
			judged("fail-fast", "x", r{"trimtab": -1}),
			judged("step-cores", "x", r{"trimtab": 1}, connections, with("trimtab", after(3, 21))),
		}, map[string]string{
			"regret of connections (imbalance), with reports: worst":   "1.300  boot-video",
			"reports later than the disturbance: p99 ÷ equal weights'": "1.040 met antagonist-late",
			"while a backend is out or cold: p99 ÷ truth's":            "1.060 MISSED restart",
			"regret with reports, drawn at random: worst":              "1.060 MISSED restart",
			"regret with reports, drawn at random: median":             "1.060 MISSED",
			"first minute with nothing learned, light tails":           "1.100 met boot60",
			"first minute with nothing learned, heavy tails":           "1.300 MISSED boot-video",
			"minutes 2 to 5": "1.000 met boot60" + Later,
			"p99 ÷ best of equal, agent-check and a58 with like errors": "1.040 met antagonist-late",
			"convergence after a halved capacity, with reports":         "21 s MISSED step-cores",
		}},
		{"steady, and the best of others", []Entry{
			judged("a", "x", r{"equal": 1, "a58": 0.5, "trimtab": 1.1}, with("a58", func(f *simulate.Figures) { f.Errors = 0.2 }), with("trimtab", rate(0.5))),
			judged("b", "x", r{"trimtab": 1, "trimtab-noreports": 1}, with("trimtab", rate(9)), with("trimtab-noreports", rate(2)), unreported),
			judged("c", "x", r{"trimtab": 1}, with("trimtab", rate(9)), eventful),
		}, map[string]string{
			"regret with reports, scenarios' own proxies: worst":                   "1.100 MISSED a",
			"regret with reports, scenarios' own proxies: median":                  "1.050 MISSED",
			"regret without reports, scenarios' own proxies: worst":                "1.000 met b",
			"regret without reports, scenarios' own proxies: median":               "1.000 met",
			"p99 ÷ best of equal, agent-check and a58 with like errors":            "1.100 MISSED a",
			"weight changes in a steady pool per backend and minute, with reports": "0.50 met a",
			"weight changes in a steady pool per backend and minute, without":      "2.00 MISSED b",
		}},
		{"a pool is not steady to which some connect later", []Entry{
			judged("a", "x", r{"trimtab": 1}, with("trimtab", rate(9)), func(e *Entry) {
				e.File.Traffic = append(e.File.Traffic, scenario.Traffic{WebSockets: &scenario.WebSockets{ConnectAt: time.Minute}})
			}),
		}, map[string]string{
			"regret with reports, scenarios' own proxies: worst":  "1.000 met a",
			"regret with reports, scenarios' own proxies: median": "1.000 met",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, measuredIn(t, test.entries)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestNeverConverges(t *testing.T) {
	e := judged("step-cores", "x", r{"trimtab": 1}, with("trimtab", func(f *simulate.Figures) {
		f.Convergence = []simulate.ConvergenceSummary{{At: 60}}
	}))
	if got := measuredIn(t, []Entry{e})["convergence after a halved capacity, with reports"]; got != "never MISSED step-cores" {
		t.Errorf("%q", got)
	}
}

func TestHonest(t *testing.T) {
	for text, want := range map[string]bool{
		"": true,
		"events: [{at: 9s, backend: a, reports: stop}]":                                true,
		"events: [{at: 9s, backend: a, reports: frozen}]":                              false,
		"events: [{at: 9s, backend: a, report_scale: 0.5}]":                            false,
		"events: [{at: 9s, backend: a, neighbour_cores: 1}]":                           false,
		"events: [{at: 9s, backend: a, neighbour_cores: 0}]":                           true,
		"events: [{at: 9s, backend: b, neighbour_cores: 1}]":                           true,
		"events: [{at: 9s, backend: a, neighbour_cores: 1, neighbour_reported: true}]": true,
		// What a backend says of its neighbour may change, and comes before or after it.
		"events: [{at: 9s, backend: b, neighbour_cores: 1, neighbour_reported: false}]":                          false,
		"events: [{at: 9s, backend: b, neighbour_reported: false}, {at: 10s, backend: b-2, neighbour_cores: 1}]": false,
		"events: [{at: 9s, backend: b, neighbour_cores: 1}, {at: 10s, backend: b, neighbour_reported: false}]":   false,
		"events: [{at: 10s, backend: a, neighbour_cores: 1}, {at: 9s, backend: a, neighbour_reported: true}]":    true,
	} {
		f, err := scenario.Parse("test.yaml", []byte(`
name: test
duration: 60s
backends: [{name: a, cores: 2}, {name: b, count: 2, cores: 2, neighbour_reported: true}]
traffic: [{kind: requests, utilization: 0.5, demand: 20ms}]
`+text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got := honest(&Entry{File: f}); got != want {
			t.Errorf("%q: honest is %v", text, got)
		}
	}
	if honest(&Entry{}) {
		t.Error("who reports nothing is honest")
	}
}

func TestWorstByProxy(t *testing.T) {
	got := Worst([]Entry{
		judged("a", "haproxy/leastconn", r{"trimtab": 1.04}), judged("b", "haproxy/leastconn", r{"trimtab": 1.3}), judged("c", "haproxy/leastconn", r{"trimtab": 0.9}),
		judged("d", "envoy/round_robin", r{"trimtab-noreports": 2}, instead),
	}, 2)
	want := []WorstOf{
		{"scenarios' own proxies", "trimtab", []string{"b 1.30", "a 1.04"}},
		{"haproxy/leastconn", "trimtab", []string{"b 1.30", "a 1.04"}},
		{"round robin", "trimtab-noreports", []string{"d 2.00"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
