package simulate

import (
	"context"
	"math"
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
	uniform, hetero := scenario("uniform", 1, 0.7, pool(4, 4, 4, 4, 4)), scenario("hetero", 1, 0.7, unequal())
	twoUnequal := scenario("two-hetero", 2, 0.7, pool(6, 2))
	for _, test := range []struct {
		scenario      Scenario
		algorithm     scorer.Algorithm
		oracle, equal float64 // p99 in ms, and p99 over it
	}{
		{uniform, scorer.LeastConnections, 95, 1},
		{hetero, scorer.LeastConnections, 94, 1.44},
		{slowNode(), scorer.LeastConnections, 126, 1.12},
		{twoUnequal, scorer.LeastConnections, 110, 1.78},
		{neighbours(), scorer.LeastConnections, 107, 1.12},
		{slowsDown(), scorer.LeastConnections, 113, 1.05},
		{uniform, scorer.Random, 101, 1},
		{hetero, scorer.Random, 97, 1.80},
		{slowNode(), scorer.Random, 142, 1.40},
		{neighbours(), scorer.Random, 114, 1.39},
		{slowsDown(), scorer.Random, 125, 1.21},
		{hetero, scorer.RoundRobin, 110, math.NaN()},
		{uniform, scorer.LeastRequest, 100, 1},
		{hetero, scorer.LeastRequest, 115, 1.49},
	} {
		t.Run(test.scenario.Name+" "+string(test.algorithm), func(t *testing.T) {
			t.Parallel()
			verdicts := judged(t, test.scenario, Proxy{Algorithm: test.algorithm}, []uint64{1}, Oracle(), Equal())
			oracle, equal := verdicts[0].figures().P99, verdicts[1].regret()
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
	s := scenario("hetero", 1, 0.7, unequal())
	plans := 0
	policy := PoolOf("capacity", scorer.Config{})
	policy.Watch = func(time.Duration, scorer.Plan, scorer.Rounded) { plans++ }
	verdicts := judged(t, s, Proxy{Algorithm: scorer.LeastConnections}, []uint64{1}, Equal(), policy.Policy())
	if want := int(s.Duration/time.Second) - 1; plans != want {
		t.Errorf("%d plans, want one a second: %d", plans, want)
	}
	equal, law := verdicts[0].regret(), verdicts[1].regret()
	t.Logf("p99 over the oracle's: equal %.3f, law %.3f", equal, law)
	if law > 0.85*equal {
		t.Errorf("p99 over the oracle's %v, with equal weights %v", law, equal)
	}
}

func TestPlayStopsOnErrors(t *testing.T) {
	m := Match{Scenario: short(5*time.Second, 1, 0.5, pool(2, 2)), Seeds: []uint64{1, 2}, Policies: []Policy{Oracle(), Equal()}}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Play(ctx, []Match{m}, nil); err == nil {
		t.Error("no error from a cancelled match")
	}
	m.Policies = []Policy{PoolOf("bad", scorer.Config{Law: "none"}).Policy()}
	if _, err := Play(context.Background(), []Match{m}, nil); err == nil {
		t.Error("no error from a policy that cannot be made")
	}
}

// One that is alone does as among others.
func TestOne(t *testing.T) {
	s := short(10*time.Second, 1, 0.5, pool(4, 2))
	p := Proxy{Kind: KindHAProxy, Algorithm: scorer.Random}
	alone, err := One(t.Context(), &s, p, 3, Equal())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(judged(t, s, p, []uint64{3}, Equal())[0].Results[0], alone); diff != "" {
		t.Errorf("among others, alone (-want +got):\n%s", diff)
	}
	if _, err := One(t.Context(), &s, Proxy{Kind: "nginx"}, 3, Equal()); err == nil {
		t.Error("no error for a proxy that is not simulated")
	}
	s.Proxies = 0
	if _, err := One(t.Context(), &s, p, 3, Equal()); err == nil {
		t.Error("no error for a scenario without proxies")
	}
}

func TestOracleWeights(t *testing.T) {
	fails := func(from, to time.Duration) Scenario {
		return scenario("fails", 1, 0.6, pool(4, 4)).with(func(s *Scenario) {
			s.Backends[0].Condition = during(from, to, func(c *Condition) { c.Errors = 1 })
		})
	}
	for name, test := range map[string]struct {
		scenario Scenario
		want     []int
	}{
		"unequal":           {scenario("hetero", 1, 0.7, unequal()), []int{192, 192, 96, 96, 48}},
		"slow":              {slowNode(), []int{96, 192, 192, 192, 192}},
		"neighbours":        {neighbours(), []int{96, 144, 192, 192, 192}},
		"slows down":        {slowsDown(), []int{144, 192, 192, 192, 192}},
		"fails":             {fails(0, forever), []int{0, 192}},
		"fails for a while": {fails(90*time.Second, 150*time.Second), []int{192, 192}},
	} {
		if diff := cmp.Diff(test.want, test.scenario.OracleWeights()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
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
