package sensitivity

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/cmd/internal/compile"
	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/scorer"
)

// changed are the fields in which constants differ from the defaults, and by which
// factor.
func changed(k scorer.Constants) map[string]float64 {
	out := map[string]float64{}
	got, defaults := reflect.ValueOf(k), reflect.ValueOf(scorer.DefaultConstants())
	for i, name := range Names() {
		var factor float64
		switch got.Field(i).Interface().(type) {
		case float64:
			factor = got.Field(i).Float() / defaults.Field(i).Float()
		case time.Duration:
			factor = float64(got.Field(i).Int()) / float64(defaults.Field(i).Int())
		}
		if factor != 1 {
			out[name] = factor
		}
	}
	return out
}

func TestScaledChangesOneConstant(t *testing.T) {
	for _, name := range Names() {
		for _, factor := range factors() {
			if diff := cmp.Diff(map[string]float64{name: factor}, changed(scaled(name, factor))); diff != "" {
				t.Errorf("%s ×%v (-want +got):\n%s", name, factor, diff)
			}
		}
	}
}

func TestNudgedChangesAllALittle(t *testing.T) {
	seen := map[scorer.Constants]bool{}
	for control := range uint64(controls) {
		k := nudged(control)
		seen[k] = true
		factors := changed(k)
		for name, factor := range factors {
			if math.Abs(math.Log(factor)) > nudge {
				t.Errorf("control %d: %s times %v", control, name, factor)
			}
		}
		if len(factors) != len(Names()) || nudged(control) != k {
			t.Errorf("control %d changes %d of %d constants, or others another time", control, len(factors), len(Names()))
		}
	}
	if len(seen) != controls {
		t.Errorf("%d different controls, want %d", len(seen), controls)
	}
}

// match is a scenario of few requests in which one of three backends fails for a
// while.
func match(t *testing.T, more string) simulate.Match {
	t.Helper()
	f, err := scenario.Parse("small.yaml", []byte(`
name: small
duration: 30s
warmup: 5s
backends: [{name: a, cores: 4}, {name: b, cores: 2}, {name: c, cores: 4}]
traffic: [{kind: requests, utilization: 0.6, demand: {exp: 200ms}}]
events: [{at: 20s, backend: c, fail: fast}, {at: 25s, backend: c, fail: none}]
`+more))
	if err != nil {
		t.Fatal(err)
	}
	m, err := compile.Match(f, 2)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Who is not played, because it wanted the same as the default at every step, would
// have had the default's results.
func TestIdleIsTheSame(t *testing.T) {
	for _, more := range []string{"", "proxy: {kind: envoy}"} {
		m := match(t, more)
		r := newRows(&m, Names())[0]
		rows := [][]*row{{r}}
		if err := play(t.Context(), []simulate.Match{m}, rows, (*row).watched, nil); err != nil {
			t.Fatal(err)
		}
		played := make([][]simulate.Result, len(r.variants))
		all := func(r *row) []entrant {
			var out []entrant
			for i := range r.variants {
				out = append(out, entrant{r.policy(r.variants[i].constants), &played[i]})
			}
			return out
		}
		if err := play(t.Context(), []simulate.Match{m}, rows, all, nil); err != nil {
			t.Fatal(err)
		}
		acting := 0
		for i := range r.variants {
			same := cmp.Diff(r.byDefault, played[i]) == ""
			if r.watch.differs(i) {
				acting++
			} else if !same {
				t.Errorf("%s ×%v is taken for idle", r.variants[i].constant, r.variants[i].factor)
			}
		}
		if acting == 0 || acting == len(r.variants) {
			t.Errorf("%d of %d act", acting, len(r.variants))
		}
	}
}

func TestSweep(t *testing.T) {
	matches := []simulate.Match{match(t, ""), match(t, "reports: none")}
	calls := 0
	got, err := Sweep(t.Context(), matches, []string{"FirstDelay", "GuardTakes"}, func(int) { calls++ })
	if err != nil {
		t.Fatal(err)
	}
	if want := Calls(matches); calls != want {
		t.Errorf("progress %d times, want %d", calls, want)
	}
	var rows []string
	for _, r := range got.Rows {
		rows = append(rows, r.Name())
		if !(r.Noise >= 0) {
			t.Errorf("%s: noise %v", r.Name(), r.Noise)
		}
		for _, c := range r.Changes {
			if idle := c.Constant == "GuardTakes"; c.Idle != idle {
				t.Errorf("%s: %s ×%v idle %v, want %v", r.Name(), c.Constant, c.Factor, c.Idle, idle)
			}
			if c.Idle && (c.P99 != 0 || c.Errors != 0) {
				t.Errorf("%s: idle with %+v", r.Name(), c)
			}
		}
	}
	want := []string{"small haproxy/leastconn trimtab", "small haproxy/leastconn trimtab-noreports", "small haproxy/leastconn trimtab"}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	again, err := Sweep(t.Context(), matches, []string{"FirstDelay", "GuardTakes"}, nil)
	if diff := cmp.Diff(got, again); diff != "" || err != nil {
		t.Errorf("another time, error %v (-first +second):\n%s", err, diff)
	}
}

// found is a result of two constants in three rows.
func found() *Result {
	change := func(name string, factor, p99, errors float64) Change {
		return Change{Constant: name, Factor: factor, P99: p99, Errors: errors}
	}
	idle := func(name string, factor float64) Change { return Change{Constant: name, Factor: factor, Idle: true} }
	return &Result{Names: []string{"LatencyDrift", "FirstDelay"}, Rows: []Row{
		{"a", "haproxy/leastconn", "trimtab", 0.01, []Change{
			change("LatencyDrift", 0.5, 0.02, 0), change("LatencyDrift", 2, -0.061, 0), idle("FirstDelay", 0.5), idle("FirstDelay", 2),
		}},
		{"b", "haproxy/random(2)", "trimtab", 0.2, []Change{
			change("LatencyDrift", 0.5, 0.1, 0), change("LatencyDrift", 2, 0.1, 0), change("FirstDelay", 0.5, 0.01, 0.002), idle("FirstDelay", 2),
		}},
		{"c", "envoy/least_request", "trimtab-noreports", 0, []Change{
			change("LatencyDrift", 0.5, 0, 0), change("LatencyDrift", 2, 0.0004, -0.001), change("FirstDelay", 0.5, -0.02, -0.01), idle("FirstDelay", 2),
		}},
	}}
}

func TestTable(t *testing.T) {
	var out strings.Builder
	if err := found().WriteTable(&out); err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(out.String(), "\n\n")
	want := `constant      value        p99     noise             row                                      median  errors  acted in
LatencyDrift  0.05   ×0.5  +2.0 %  1.0 %             a haproxy/leastconn trimtab              2.0 %   0.0     3 of 3
LatencyDrift  0.05   ×2    -6.1 %  1.0 %  SENSITIVE  a haproxy/leastconn trimtab              6.1 %   -0.1    3 of 3
FirstDelay    5s     ×0.5  -2.0 %  0.0 %             c envoy/least_request trimtab-noreports  1.0 %   -1.0    2 of 3

Without any effect here: FirstDelay ×2.
`
	if diff := cmp.Diff(want, table); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestJSON(t *testing.T) {
	var out strings.Builder
	if err := found().WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	var got []jsonChange
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 4 || len(got[2].Rows) != 2 || got[3].Worst != nil || got[3].Rows == nil {
		t.Fatalf("%+v", got)
	}
	want := jsonRow{"a", "haproxy/leastconn", "trimtab", -0.061, 0.01, 0}
	if diff := cmp.Diff(&want, got[1].Worst); diff != "" {
		t.Errorf("worst (-want +got):\n%s", diff)
	}
}
