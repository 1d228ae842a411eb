package simulate

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/scorer"
)

// The figures are those of a simulator written independently of this one, but
// run lengths and numbers of proxies were chosen here to agree with it where its
// description left them open. It breaks ties at random where HAProxy takes the
// server that has been there longest, which makes equal weights up to 5 % worse
// under leastconn: hence the width of the second check.
func TestKnownFigures(t *testing.T) {
	for _, test := range []struct {
		scenario      string
		algorithm     scorer.Algorithm
		oracle, equal float64 // p99 in ms, and p99 over it
	}{
		{"uniform", scorer.LeastConnections, 95, 1},
		{"hetero", scorer.LeastConnections, 94, 1.44},
		{"slow-node", scorer.LeastConnections, 126, 1.12},
		{"two-hetero", scorer.LeastConnections, 110, 1.78},
		{"neighbour", scorer.LeastConnections, 107, 1.12},
		{"step", scorer.LeastConnections, 113, 1.05},
		{"uniform", scorer.Random, 101, 1},
		{"hetero", scorer.Random, 97, 1.80},
		{"slow-node", scorer.Random, 142, 1.40},
		{"neighbour", scorer.Random, 114, 1.39},
		{"step", scorer.Random, 125, 1.21},
		{"hetero", scorer.RoundRobin, 110, math.NaN()},
		{"uniform", scorer.LeastRequest, 100, 1},
		{"hetero", scorer.LeastRequest, 115, 1.49},
	} {
		t.Run(test.scenario+" "+string(test.algorithm), func(t *testing.T) {
			t.Parallel()
			scenarios, err := Named(test.scenario)
			if err != nil {
				t.Fatal(err)
			}
			verdicts, err := Judge(context.Background(), Contest{
				Scenarios: scenarios, Proxies: []Proxy{{Algorithm: test.algorithm}},
				Seeds: []uint64{1}, Policies: []Policy{Oracle(), Equal()},
			})
			if err != nil {
				t.Fatal(err)
			}
			oracle, equal := milliseconds(verdicts[0].P99()), verdicts[1].Median()
			t.Logf("oracle %.1f ms, equal %.3f", oracle, equal)
			if math.Abs(oracle/test.oracle-1) > 0.035 {
				t.Errorf("oracle's p99 %.1f ms, want about %.0f", oracle, test.oracle)
			}
			if math.Abs(equal/test.equal-1) > 0.06 {
				t.Errorf("equal weights %.3f of it, want about %.2f", equal, test.equal)
			}
		})
	}
}

func TestPoolInTheLoop(t *testing.T) {
	scenarios, err := Named("hetero")
	if err != nil {
		t.Fatal(err)
	}
	plans := 0
	policy := PoolOf("capacity", scorer.Config{})
	policy.Watch = func(time.Duration, scorer.Plan, scorer.Rounded) { plans++ }
	verdicts, err := Judge(context.Background(), Contest{
		Scenarios: scenarios,
		Proxies:   []Proxy{{Algorithm: scorer.LeastConnections}},
		Seeds:     []uint64{1}, Policies: []Policy{Equal(), policy.Policy()},
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := int(scenarios[0].Duration/time.Second) - 1; plans != want {
		t.Errorf("%d plans, want one a second: %d", plans, want)
	}
	equal, law := verdicts[0].Median(), verdicts[1].Median()
	t.Logf("p99 over the oracle's: equal %.3f, law %.3f", equal, law)
	if law > 0.85*equal {
		t.Errorf("p99 over the oracle's %v, with equal weights %v", law, equal)
	}
}

func TestJudgeKeepsOrderAndStopsOnErrors(t *testing.T) {
	s := short(5*time.Second, 1, 0.5, pool(2, 2))
	contest := Contest{
		Scenarios: []Scenario{s.with(func(s *Scenario) { s.Name = "a" }), s.with(func(s *Scenario) { s.Name = "b" })},
		Proxies:   []Proxy{{Algorithm: scorer.Random}, {Algorithm: scorer.RoundRobin}},
		Seeds:     []uint64{1, 2}, Policies: []Policy{Oracle(), Equal()},
	}
	verdicts, err := Judge(context.Background(), contest)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range verdicts {
		v := &verdicts[i]
		got = append(got, v.Scenario+" "+v.Proxy.String()+" "+v.Policy)
		if v.Results[0].Requests == 0 || v.Results[0].Requests != v.Oracle[0].Requests {
			t.Errorf("%v: %d requests, the oracle had %d", got[i], v.Results[0].Requests, v.Oracle[0].Requests)
		}
	}
	want := []string{
		"a random oracle", "a random equal", "a roundrobin oracle", "a roundrobin equal",
		"b random oracle", "b random equal", "b roundrobin oracle", "b roundrobin equal",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Judge(ctx, contest); err == nil {
		t.Error("no error from a cancelled contest")
	}
	contest.Policies = []Policy{PoolOf("bad", scorer.Config{Law: "none"}).Policy()}
	if _, err := Judge(context.Background(), contest); err == nil {
		t.Error("no error from a policy that cannot be made")
	}
}

func TestOracleWeights(t *testing.T) {
	for name, want := range map[string][]int{
		"hetero":        {192, 192, 96, 96, 48},
		"slow-node":     {96, 192, 192, 192, 192},
		"neighbour":     {96, 144, 192, 192, 192},
		"step":          {144, 192, 192, 192, 192},
		"fail-fast":     {0, 192, 192, 192, 192},
		"fail-fast-30s": {192, 192, 192, 192, 192},
	} {
		scenarios, err := Named(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, scenarios[0].OracleWeights()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestStandardScenarios(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Scenarios() {
		if err := s.check(); err != nil {
			t.Error(err)
		}
		if seen[s.Name] {
			t.Errorf("scenario %s: twice", s.Name)
		}
		seen[s.Name] = true
	}
	if _, err := Named("hetero", "nonsense"); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("error %v, want one that names the unknown scenario", err)
	}
}

func TestTable(t *testing.T) {
	oracle := []Result{{Requests: 100, P99: 100 * time.Millisecond}, {Requests: 100, P99: 100 * time.Millisecond}}
	results := []Result{
		{Requests: 100, Failed: 3, P99: 110 * time.Millisecond, PushRate: 1.5},
		{Requests: 100, Failed: 3, P99: 130 * time.Millisecond, PushRate: 1.5},
	}
	var out strings.Builder
	err := WriteTable(&out, []Verdict{
		{Scenario: "a", Proxy: Proxy{Algorithm: "random"}, Policy: "oracle", Results: oracle, Oracle: oracle},
		{Scenario: "a", Proxy: Proxy{Algorithm: "random"}, Policy: "law", Results: results, Oracle: oracle},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "scenario  algorithm  oracle ms  oracle         law\n" +
		"a         random     100        1.000 (1.000)  1.200 (1.300) e3.0% /1.5\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

// Matches that differ in everything are played together, each by its own seeds.
func TestPlay(t *testing.T) {
	a, b := short(10*time.Second, 1, 0.5, pool(4, 4)), short(10*time.Second, 2, 0.5, pool(4, 2))
	a.Name, b.Name = "a", "b"
	matches := []Match{
		{Scenario: a, Seeds: []uint64{1, 2, 3}, Policies: []Policy{Equal(), Omniscient()}, Record: 1},
		{Scenario: b, Proxy: Proxy{Kind: KindEnvoy, Algorithm: scorer.LeastRequest}, Seeds: []uint64{9}, Policies: []Policy{AgentCheck().Policy()}},
	}
	told := map[int]int{}
	got, err := Play(context.Background(), matches, func(match int) { told[match]++ })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[int]int{0: 3, 1: 1}, told); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
	if len(got) != 2 || len(got[0]) != 2 || len(got[1]) != 1 || got[1][0].NotApplicable == "" || len(got[1][0].Oracle) != 1 {
		t.Fatalf("verdicts %+v", got)
	}
	for i, r := range got[0][0].Results {
		if recorded := r.Series != nil; recorded != (i == 0) {
			t.Errorf("seed %d: recorded is %v", i, recorded)
		}
		alone := must(t, a, scorer.LeastConnections, matches[0].Seeds[i], Static{100, 100})
		if r.P99 != alone.P99 {
			t.Errorf("seed %d: p99 %v, alone %v", i, r.P99, alone.P99)
		}
	}
	matches[1].Proxy.Kind = "nginx"
	if _, err := Play(context.Background(), matches, nil); err == nil {
		t.Error("no error for a proxy that is not simulated")
	}
}
