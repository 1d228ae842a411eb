package simulate

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/scorer"
)

func TestWhatAProxyCannotRunIsListed(t *testing.T) {
	s := short(20*time.Second, 1, 0.5, pool(4, 2))
	reported := s.with(func(s *Scenario) { s.Name, s.Reports = "reported", DefaultReports() })
	var verdicts []Verdict
	for _, s := range []Scenario{s, reported} {
		for _, p := range []Proxy{{Kind: KindHAProxy}, {Kind: KindEnvoy, Algorithm: scorer.LeastRequest}} {
			verdicts = append(verdicts, judged(t, s, p, []uint64{1}, Policies()...)...)
		}
	}
	got := map[string][]string{}
	for i := range verdicts {
		v := &verdicts[i]
		if (v.NotApplicable == "") != (len(v.Results) == 1) {
			t.Errorf("%s: %d results, not applicable because %q", v.Policy, len(v.Results), v.NotApplicable)
		}
		if v.NotApplicable != "" {
			key := v.Scenario + " " + v.Proxy.String()
			got[key] = append(got[key], v.Policy)
		}
	}
	want := map[string][]string{
		"test haproxy/leastconn":       {"agent-check", "a58", "utilization", "orca"},
		"test envoy/least_request":     {"agent-check", "a58", "utilization", "orca"},
		"reported haproxy/leastconn":   {"orca"},
		"reported envoy/least_request": {"agent-check"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("not applicable (-want +got):\n%s", diff)
	}
	if len(verdicts) != 4*len(Policies()) {
		t.Errorf("%d verdicts, want one for each policy everywhere", len(verdicts))
	}
}

func TestPoliciesThatReplaceTheAlgorithm(t *testing.T) {
	for name, test := range map[string]struct {
		policy Policy
		of     Proxy
		want   string
	}{
		"roundrobin":         {Roundrobin(), Proxy{Kind: KindHAProxy}, "haproxy/roundrobin"},
		"leastconn":          {Leastconn(), Proxy{Kind: KindHAProxy, Algorithm: scorer.Random}, "haproxy/leastconn"},
		"Envoy's roundrobin": {Roundrobin(), Proxy{Kind: KindEnvoy, Algorithm: scorer.LeastRequest, Choices: 5}, "envoy/round_robin"},
		"Envoy's leastconn":  {Leastconn(), Proxy{Kind: KindEnvoy, Algorithm: scorer.RoundRobin}, "envoy/least_request"},
		"orca":               {ORCA().Policy(), Proxy{Kind: KindEnvoy, Algorithm: scorer.LeastRequest}, "envoy/round_robin"},
	} {
		got, err := test.policy.Proxy(test.of)
		if err != nil || got.String() != test.want {
			t.Errorf("%s: %s, error %v; want %s", name, got, err, test.want)
		}
	}
}

func TestConfiguredWeights(t *testing.T) {
	s := short(time.Second, 1, 0.5, pool(4, 4, 4))
	setup := Setup{Scenario: &s, Proxy: Proxy{}.withDefaults()}
	if diff := cmp.Diff([]int{100, 100, 100}, setup.configured(0)); diff != "" {
		t.Errorf("none (-want +got):\n%s", diff)
	}
	s.Backends[1].Weight, s.Backends[2].Weight = 2, 4
	if diff := cmp.Diff([]int{48, 96, 192}, setup.configured(0)); diff != "" {
		t.Errorf("1, 2, 4 (-want +got):\n%s", diff)
	}
}

func TestTruthFollowsTheCapacities(t *testing.T) {
	s := short(time.Minute, 1, 0.5, pool(4, 4))
	s.Backends[0].Condition = during(10*time.Second, 20*time.Second, func(c *Condition) { c.Speed = 0.5 })
	c, err := Truth().New(Setup{Scenario: &s, Proxy: Proxy{}.withDefaults()})
	if err != nil {
		t.Fatal(err)
	}
	for second, want := range map[int][]int{5: {192, 192}, 15: {96, 192}, 25: {192, 192}} {
		if diff := cmp.Diff(want, c.Step(time.Duration(second)*time.Second, nil).Weights); diff != "" {
			t.Errorf("in second %d (-want +got):\n%s", second, diff)
		}
	}
}

// Omniscience with a choice of powers is never worse than without, and much
// better on an Envoy.
func TestBestPower(t *testing.T) {
	s := scenario("hetero", 1, 0.7, unequal())
	s.Duration = 2 * time.Minute
	best := func(p Proxy) float64 {
		verdicts := judged(t, s, p, []uint64{1}, OmniscientBest())
		return verdicts[0].regret()
	}
	haproxy, envoy := best(Proxy{Kind: KindHAProxy}), best(Proxy{Kind: KindEnvoy, Algorithm: scorer.LeastRequest})
	t.Logf("p99 of the best power over that of the capacities: HAProxy %.3f, Envoy %.3f", haproxy, envoy)
	if haproxy > 1 || haproxy < 0.95 || envoy > 0.93 {
		t.Errorf("HAProxy %.3f, Envoy %.3f; want at most 1 and at most 0.93", haproxy, envoy)
	}
}

// failer fails at once.
type failer struct{ Static }

func (failer) Err() error { return errors.New("broken") }

func TestControllersCanFail(t *testing.T) {
	s := short(time.Second, 1, 0.5, pool(4))
	if _, err := alone(&s, Proxy{}, 1, failer{Static{1}}); err == nil {
		t.Error("no error")
	}
	if _, err := PolicyNamed("nonsense"); err == nil {
		t.Error("no error for an unknown policy")
	}
}

// The laws of others where they are at home.
func TestRivalsFindUnequalCapacities(t *testing.T) {
	s := scenario("hetero", 1, 0.7, unequal())
	s.Duration = 2 * time.Minute
	verdicts := judged(t, s, Proxy{Kind: KindHAProxy}, []uint64{1}, Equal(), AgentCheck().Policy(), A58().Policy(), Utilization().Policy())
	for i := 1; i < len(verdicts); i++ {
		t.Logf("%s: p99 over the oracle's %.3f", verdicts[i].Policy, verdicts[i].regret())
		if verdicts[i].regret() > 1.1 || verdicts[i].regret() > verdicts[0].regret() {
			t.Errorf("%s: p99 over the oracle's %.3f, with equal weights %.3f", verdicts[i].Policy, verdicts[i].regret(), verdicts[0].regret())
		}
	}
}

// What a person changes in a proxy's configuration, policies that know no better
// have to follow.
func TestEqualFollowsWhatIsConfigured(t *testing.T) {
	s := short(20*time.Second, 1, 0.5, pool(4, 4))
	s.Backends[0].Condition = during(10*time.Second, forever, func(c *Condition) { c.Weight = 0.5 })
	c, err := Equal().New(Setup{Scenario: &s})
	if err != nil {
		t.Fatal(err)
	}
	got := [][]int{c.Start().Weights, c.Step(9*time.Second, nil).Weights, c.Step(10*time.Second, nil).Weights}
	if diff := cmp.Diff([][]int{{100, 100}, {100, 100}, {96, 192}}, got); diff != "" {
		t.Errorf("weights (-want +got):\n%s", diff)
	}
}
