package page

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-lb/trimtab/cmd/internal/compile"
	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/judgement"
)

// charted simulates a scenario with these backends and this more.
func charted(t *testing.T, backends, more string) Chart {
	t.Helper()
	f, err := scenario.Parse("test.yaml", fmt.Appendf(nil, `
name: test
duration: 40s
warmup: 10s
backends: [%s]
traffic: [{kind: requests, rate: 50/s, demand: {exp: 10ms}}]
policies: [equal, agent-check, omniscient]
reports: none
%s
`, backends, more))
	if err != nil {
		t.Fatal(err)
	}
	m, err := compile.Match(f, 1)
	if err != nil {
		t.Fatal(err)
	}
	m.Record = 1
	verdicts, err := simulate.Play(t.Context(), []simulate.Match{m}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return Chart{Entry: judgement.Entry{File: f, Summary: simulate.Summarize(verdicts[0])[0]}, Verdicts: verdicts[0]}
}

func written(t *testing.T, p Page) string {
	t.Helper()
	var b strings.Builder
	if err := Write(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// dataOf is what the script of a page finds.
func dataOf(t *testing.T, text string) data {
	t.Helper()
	_, rest, _ := strings.Cut(text, `id="data">`)
	embedded, _, found := strings.Cut(rest, "</script>")
	var out data
	if err := json.Unmarshal([]byte(embedded), &out); err != nil || !found {
		t.Fatalf("%v in %.200s", err, embedded)
	}
	return out
}

func TestPage(t *testing.T) {
	c := charted(t, "{name: a, cores: 2}, {name: b, cores: 1, joins_at: 20s}", "events: [{at: 30s, backend: a, speed: 0.5, cold: {for: 1s, speed: 0.5}}]")
	text := written(t, Page{
		Entries: []judgement.Entry{c.Entry}, Charts: []Chart{c},
		Figures: []judgement.Figure{{What: "a figure", Asked: 1, Measured: 2, Unit: "x", Where: "somewhere"}},
	})
	for _, want := range []string{"1 scenario, one seed", "1 of 1 are missed", "n/a", `id="chart-1"`, "uPlot", "joins_at: 20s"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
	if loads := regexp.MustCompile(`(?:src|href)="[^#"]|@import|url\(`).FindAllString(text, -1); loads != nil {
		t.Errorf("the page loads %q", loads)
	}
	got := dataOf(t, text).Charts[0]
	if got.Points != 50 || got.Step != 1 || got.Warmup != 10 || len(got.Policies) != 2 {
		t.Errorf("%d points, step %v, warm-up %v, %d policies", got.Points, got.Step, got.Warmup, len(got.Policies))
	}
	events := []happening{{20, "b joins"}, {30, "a: cold, speed"}}
	if diff := cmp.Diff(events, got.Events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a (2 cores)", "b (1 cores)"}, got.Lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// A page of real runs says so, and what does not count.
func TestPageOfRealRuns(t *testing.T) {
	c := charted(t, "{name: a, cores: 2}", "")
	if text := written(t, Page{Entries: []judgement.Entry{c.Entry}}); strings.Contains(text, "real proxies") || strings.Contains(text, "INVALID") {
		t.Error("a simulation is told of as if it were real")
	}
	c.Run, c.Valid, c.Invalid = "haproxy", false, []string{"seed 1, equal: late"}
	text := written(t, Page{Entries: []judgement.Entry{c.Entry}, Charts: []Chart{c}})
	for _, want := range []string{"judged on real proxies", "test behind haproxy/leastconn: seed 1, equal: late", `<b class="invalid">INVALID</b>`, `title="backends report nothing"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
}

// A scenario is somebody else's text.
func TestPageEscapes(t *testing.T) {
	c := charted(t, `{name: "</script><script>alert(1)</script>", cores: 2}`, "")
	c.File.Name, c.Scenario = "<img src=x>", "<img src=x>"
	text := written(t, Page{Entries: []judgement.Entry{c.Entry}, Charts: []Chart{c}})
	for _, never := range []string{"<script>alert", "<img"} {
		if strings.Contains(text, never) {
			t.Errorf("%s is on the page", never)
		}
	}
	if got := dataOf(t, text).Charts[0].Lines[0]; !strings.HasPrefix(got, "</script><script>") {
		t.Errorf("the name became %q", got)
	}
}

func TestPageWithoutCharts(t *testing.T) {
	c := charted(t, "{name: a, cores: 2}", "")
	if text := written(t, Page{Entries: []judgement.Entry{c.Entry}}); strings.Contains(text, "Over time") {
		t.Error("there is a part for charts without charts")
	}
}

func TestLines(t *testing.T) {
	var many []string
	for i := range 14 {
		many = append(many, fmt.Sprintf("{name: s%d, cores: 2}", i))
	}
	for _, test := range []struct {
		name, backends string
		want           []string
		bands          bool
	}{
		{"few", "{name: a, count: 2, cores: 2}, {name: b, cores: 4, speed: 0.5}", []string{"a-1 (2 cores)", "a-2 (2 cores)", "b (4 cores × 0.5)"}, false},
		{"groups", "{name: a, count: 50, cores: 2}, {name: b, cores: 4}", []string{"a × 50 (2 cores each)", "b (4 cores)"}, true},
		{"many", strings.Join(many, ","), []string{"all 14 backends"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := charted(t, test.backends, "")
			got := chartOf(c, mostPoints)
			if diff := cmp.Diff(test.want, got.Lines); diff != "" || got.Bands != test.bands {
				t.Errorf("bands %v, lines (-want +got):\n%s", got.Bands, diff)
			}
			for _, m := range got.Policies[0].Metrics {
				if want := linesOf(c).strings(); len(m.Values) != want {
					t.Errorf("%d rows of values, want %d", len(m.Values), want)
				}
			}
		})
	}
}

// Every pool has lines of its own, and its weights are shares of it.
func TestLinesOfPools(t *testing.T) {
	pooled := func(backends, pools string) Chart {
		f, err := scenario.Parse("test.yaml", fmt.Appendf(nil, `
name: test
duration: 40s
warmup: 10s
backends: [%s]
pools: [%s]
traffic:
  - {kind: requests, pool: x, rate: 50/s, demand: {exp: 10ms}}
  - {kind: requests, pool: y, rate: 20/s, demand: {exp: 10ms}}
policies: [equal, omniscient]
`, backends, pools))
		if err != nil {
			t.Fatal(err)
		}
		m, err := compile.Match(f, 1)
		if err != nil {
			t.Fatal(err)
		}
		m.Record = 1
		verdicts, err := simulate.Play(t.Context(), []simulate.Match{m}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return Chart{Entry: judgement.Entry{File: f, Summary: simulate.Summarize(verdicts[0])[0]}, Verdicts: verdicts[0]}
	}
	for name, test := range map[string]struct {
		backends, pools string
		want            []string
	}{
		"few": {
			"{name: a, count: 2, cores: 2}, {name: b, cores: 4}", "{name: x, backends: [b, a-2]}, {name: y}",
			[]string{"x: b (4 cores)", "x: a-2 (2 cores)", "y: a-1 (2 cores)", "y: a-2 (2 cores)", "y: b (4 cores)"},
		},
		"groups": {
			"{name: a, count: 20, cores: 2}, {name: b, cores: 4}", "{name: x, backends: [b, a-2, a-3]}, {name: y}",
			[]string{"x: b (4 cores)", "x: a × 2 (2 cores each)", "y: a × 20 (2 cores each)", "y: b (4 cores)"},
		},
		"many": {
			"{name: a, cores: 1}, {name: b, cores: 1}, {name: c, cores: 1}, {name: d, cores: 1}, {name: e, cores: 1}, {name: f, cores: 1}, {name: g, cores: 1}", "{name: x}, {name: y, backends: [g, a, c, d, e, f]}",
			[]string{"x: all 7 backends", "y: all 6 backends"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := pooled(test.backends, test.pools)
			if diff := cmp.Diff(test.want, chartOf(c, mostPoints).Lines); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
			l := linesOf(c)
			all := make([][]float64, len(c.Verdicts[0].Results[0].Series.Backends))
			for i := range all {
				all[i] = []float64{1}
			}
			for k, pool := range l.pools {
				share(all, pool)
				if got, want := all[pool[0]][0], 1/float64(len(pool)); math.Abs(got-want) > 1e-12 {
					t.Errorf("a share of %v in pool %d, want %v", got, k, want)
				}
			}
			if n := len(slices.Concat(l.pools...)); n != len(all) {
				t.Errorf("%d backends in pools, of %d", n, len(all))
			}
		})
	}
}

func TestShrink(t *testing.T) {
	nan := math.NaN()
	got := shrink([]float64{1, 3, nan, 5, nan, nan, 7}, 4, 2)
	if diff := cmp.Diff("2 5 NaN 7", strings.Trim(fmt.Sprint(got), "[]")); diff != "" {
		t.Error(diff)
	}
}

// What the script reads is what was drawn, to a four-thousandth of the scale.
func TestEncode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOf(rapid.Float64Range(0, 1e6)).Draw(t, "values")
		m := packed([][]float64{append(values, math.NaN())})
		text := m.Values[0]
		for i, v := range values {
			n := strings.IndexByte(alphabet, text[2*i])*len(alphabet) + strings.IndexByte(alphabet, text[2*i+1])
			if got := float64(n) / float64(gap-1) * m.Max; math.Abs(got-v) > m.Max/4000 {
				t.Fatalf("%v became %v of at most %v", v, got, m.Max)
			}
		}
		if end := text[2*len(values):]; end != "__" {
			t.Fatalf("a gap became %q", end)
		}
	})
}

// As many charts as there are scenarios, with all policies, are still a page
// that can be sent.
func TestPageSize(t *testing.T) {
	c := charted(t, "{name: a, count: 6, cores: 2}", "")
	for len(c.Verdicts) < 12 {
		v := c.Verdicts[0]
		v.Policy = fmt.Sprintf("policy-%d", len(c.Verdicts))
		c.Verdicts = append(c.Verdicts, v)
	}
	var p Page
	for i := range 80 {
		one := c
		one.Scenario = fmt.Sprintf("scenario-%d", i)
		p.Entries, p.Charts = append(p.Entries, one.Entry), append(p.Charts, one)
	}
	if size := len(written(t, p)); size > 3_200_000 {
		t.Errorf("%d bytes", size)
	}
}
