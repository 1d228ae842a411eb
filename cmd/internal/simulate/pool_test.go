package simulate

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-lb/trimtab/scorer"
)

// members are backends of a pool, with the weights that they have.
func members(backends ...int) []Member {
	out := make([]Member, len(backends))
	for i, b := range backends {
		out[i].Backend = b
	}
	return out
}

// sharing is a scenario of two pools that have backend 1 in common.
func sharing() Scenario {
	s := short(30*time.Second, 1, 0, pool(4, 4, 2))
	s.Load, s.Demand, s.Reports = nil, Demand{}, &Reports{}
	s.Pools = []Pool{
		{Name: "api", Members: members(0, 1), Proxies: 2},
		{Name: "batch", Members: members(2, 1), Proxies: 1},
	}
	s.Requests = []Requests{
		{Pool: 0, Demand: exponential(meanWork), Load: level(0.4)},
		{Pool: 1, Demand: exponential(2 * meanWork), Load: level(0.3)},
	}
	return s
}

// What pools do that have no backend in common does not depend on each other.
func TestPoolsAreIndependent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alone := short(10*time.Second, rapid.IntRange(1, 3).Draw(t, "proxies"), rapid.Float64Range(0.1, 0.9).Draw(t, "load"), pool(4, 2))
		alone.Reports = &Reports{Delay: 400 * time.Millisecond}
		changes := []Change{anything(t), anything(t)}
		for i := range changes {
			changes[i].Do = without(changes[i].Do)
		}
		alone.Backends[0].Condition = Timeline(changes...)
		p := rapid.SampledFrom([]Proxy{
			{Kind: KindHAProxy},
			{Kind: KindHAProxy, Algorithm: scorer.Random},
			{Kind: KindEnvoy, Algorithm: scorer.LeastRequest},
			{Kind: KindEnvoy, Algorithm: scorer.RoundRobin},
		}).Draw(t, "proxy")
		policy := rapid.SampledFrom([]Policy{Equal(), Omniscient(), Truth(), A58().Policy(), Trimtab().Policy()}).Draw(t, "policy")
		want := played(t, &alone, p, policy)

		both := alone
		both.Backends = append(alone.Backends[:2:2], pool(0, 0, 3, 1)[2:]...)
		both.Pools = []Pool{
			{Name: "one", Members: members(0, 1), Proxies: alone.Proxies},
			{Name: "other", Members: members(3, 2), Proxies: 2, Proxy: &Proxy{Kind: KindHAProxy, Algorithm: scorer.Random}},
		}
		both.Requests = []Requests{{Pool: 1, Demand: exponential(meanWork), Load: level(0.7)}}
		all := played(t, &both, p, policy)
		want.Events = 0
		if diff := cmp.Diff(want, all.Pools[0]); diff != "" {
			t.Errorf("beside another pool (-alone +beside it):\n%s", diff)
		}
		if other := all.Pools[1]; all.Requests != want.Requests+other.Requests || other.Requests == 0 || all.Pushes != want.Pushes+other.Pushes {
			t.Errorf("%d requests and %d pushes, of pools %+v", all.Requests, all.Pushes, all.Pools)
		}
	})
}

// without keeps what draws from the random numbers that all backends share.
func without(do func(*Condition)) func(*Condition) {
	return func(c *Condition) {
		do(c)
		c.Errors = math.Round(c.Errors)
	}
}

func played(t rapid.TB, s *Scenario, p Proxy, policy Policy) Result {
	by, err := policy.steer(s, p.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	var controllers []Controller
	for _, one := range by {
		controllers = append(controllers, one.controller)
	}
	r, err := Run(s, p, 1, controllers...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A proxy sees its own pool's share of a backend, a report all of it.
func TestWhatPoolsSeeOfASharedBackend(t *testing.T) {
	s := sharing()
	api, batch := &recorder{Static: Static{100, 100}}, &recorder{Static: Static{100, 100}}
	r, err := Run(&s, Proxy{Algorithm: scorer.RoundRobin}, 1, api, batch)
	if err != nil {
		t.Fatal(err)
	}
	var own, others, reported, told float64
	for i := range api.steps {
		ofAPI, ofBatch := api.steps[i][1], batch.steps[i][1]
		own += float64(ofAPI.Completed)
		others += float64(ofBatch.Completed)
		reported += ofAPI.Report.Completed
		told += ofBatch.Report.Completed
		if ofAPI.Report != ofBatch.Report {
			t.Fatalf("after %d s one is told %+v, the other %+v", i+1, ofAPI.Report, ofBatch.Report)
		}
	}
	// api asks 3.2 cores of its two, batch 1.8 of its two.
	if want := 3.2 / meanWork.Seconds() / 2 * 29; math.Abs(own/want-1) > 0.1 {
		t.Errorf("api counts %v, want about half of its requests: %v", own, want)
	}
	if reported != own+others || told != reported {
		t.Errorf("reports of %v and %v, want all that the pools count there: %v + %v", reported, told, own, others)
	}
	busy := 0.0
	for _, in := range batch.steps[1:] {
		busy += in[1].Report.Utilization
	}
	if got, want := busy/float64(len(batch.steps)-1), (1.6+0.9)/4; math.Abs(got/want-1) > 0.1 {
		t.Errorf("a utilization of %v, want that of both: %v", got, want)
	}
	if diff := cmp.Diff([]float64{0.5, 0.5}, r.Pools[1].Shares, nearly(0.02)); diff != "" {
		t.Errorf("batch's shares (-want +got):\n%s", diff)
	}
	sum := 0.0
	for _, share := range r.Shares {
		sum += share
	}
	if math.Abs(sum-1) > 1e-9 || r.Shares[1] < 0.45 {
		t.Errorf("shares of all %v", r.Shares)
	}
	if r.P99 <= r.Pools[0].P99 || r.P99 >= r.Pools[1].P99 || r.Mean <= r.Pools[0].Mean || r.Mean >= r.Pools[1].Mean {
		t.Errorf("p99 %v and mean %v of all, want between those of the pools: %v", r.P99, r.Mean, r.Pools)
	}
}

func nearly(tolerance float64) cmp.Option {
	return cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= tolerance })
}

func TestWhoSteersAPoolKnowsItsBackends(t *testing.T) {
	s := sharing()
	s.Pools[1].Members[0].Weight = 3
	s.Oracle = []float64{4, 3, 2}
	for name, test := range map[string]struct {
		policy Policy
		want   [][]int
	}{
		"equal":      {Equal(), [][]int{{100, 100}, {192, 64}}},
		"omniscient": {Omniscient(), [][]int{{192, 144}, {128, 192}}},
		"truth":      {Truth(), [][]int{{192, 192}, {96, 192}}},
	} {
		by, err := test.policy.steer(&s, Proxy{}.withDefaults())
		if err != nil {
			t.Fatal(err)
		}
		var got [][]int
		for _, one := range by {
			got = append(got, one.controller.Start().Weights)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Each pool's trimtab knows its own backends only, and learns what they can do
// though another pool uses them as well.
func TestTrimtabInEachPool(t *testing.T) {
	s := sharing()
	s.Duration, s.Warmup = 3*time.Minute, time.Minute
	s.Backends[0].Cores = 8
	s.Requests[0].Load = level(0.7) // with little to do a weak backend is as quick as any
	s.Reports = DefaultReports()
	decided := map[string][]string{}
	policy := Trimtab()
	policy.Watch = func(_ time.Duration, p scorer.Plan, _ scorer.Rounded) {
		var names []string
		for _, d := range p.Decisions {
			names = append(names, d.Backend)
		}
		decided[p.Pool] = names
	}
	envoy := Proxy{Kind: KindEnvoy, Algorithm: scorer.LeastRequest}
	s.Pools[1].Proxy = &envoy
	trimtab := policy.Policy()
	by, err := trimtab.steer(&s, Proxy{Kind: KindHAProxy}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(&s, Proxy{Kind: KindHAProxy}, 1, by[0].controller, by[1].controller)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]string{"test/api": {"s001", "s002"}, "test/batch": {"s002", "s003"}}, decided); diff != "" {
		t.Errorf("decided on (-want +got):\n%s", diff)
	}
	if got := float64(r.Pools[0].Weights[0]) / float64(r.Pools[0].Weights[1]); got < 1.5 || got > 3.5 {
		t.Errorf("api's weights %v, want about two to one, or more as the second is shared", r.Pools[0].Weights)
	}
	if r.Pools[1].Weights[1] <= maxWeight {
		t.Errorf("batch's weights %v, want an Envoy's", r.Pools[1].Weights)
	}
}

func TestJudgedPools(t *testing.T) {
	s := sharing()
	s.Pools[1].Proxy = &Proxy{Kind: KindEnvoy, Algorithm: scorer.RoundRobin}
	s.Sockets = []Sockets{{Pool: 0, Clients: 5}}
	all, err := Play(t.Context(), []Match{{
		Scenario: s, Proxy: Proxy{Kind: KindHAProxy}, Seeds: []uint64{1, 2},
		Policies: []Policy{Omniscient(), Equal(), AgentCheck().Policy(), ORCA().Policy(), Trimtab().Policy()}, Record: 1,
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	verdicts := all[0]
	sums := Summarize(verdicts)
	if len(sums) != 1 || sums[0].Proxy != "haproxy/leastconn + envoy/round_robin" {
		t.Fatalf("%+v", sums)
	}
	var got []string
	for _, p := range sums[0].Policies {
		line := p.Name
		if p.Figures == nil {
			line += " n/a"
		} else {
			for _, of := range p.Pools {
				line += " " + of.Name + " " + of.Proxy
				if of.Regret == nil || of.P99 <= 0 || p.Name == "omniscient" && *of.Regret != 1 {
					t.Errorf("%s in %s: %+v", p.Name, of.Name, of.Figures)
				}
			}
		}
		got = append(got, line)
	}
	const pools = " api haproxy/leastconn batch envoy/round_robin"
	if diff := cmp.Diff([]string{"omniscient" + pools, "equal" + pools, "agent-check n/a", "orca n/a", "trimtab" + pools}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	text, err := json.Marshal(sums)
	if err != nil || !strings.Contains(string(text), `"pools":[{"name":"api","proxy":"haproxy/leastconn","p50_ms":`) {
		t.Errorf("%v in %s", err, text)
	}
	var names []string
	for _, b := range verdicts[1].Results[0].Series.Backends {
		names = append(names, b.Name)
		if len(b.Weight) != 30 {
			t.Errorf("%s: %d seconds", b.Name, len(b.Weight))
		}
	}
	if diff := cmp.Diff([]string{"api/s001", "api/s002", "batch/s003", "batch/s002"}, names); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

func TestBadPools(t *testing.T) {
	fine := sharing()
	if err := fine.check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Scenario){
		"nobody":          func(s *Scenario) { s.Pools[0].Members = nil },
		"stranger":        func(s *Scenario) { s.Pools[0].Members = members(3) },
		"twice":           func(s *Scenario) { s.Pools[0].Members = members(1, 1) },
		"weight":          func(s *Scenario) { s.Pools[0].Members[0].Weight = math.NaN() },
		"no proxies":      func(s *Scenario) { s.Pools[1].Proxies = 0 },
		"unknown proxy":   func(s *Scenario) { s.Pools[1].Proxy = &Proxy{Kind: "nginx"} },
		"same name":       func(s *Scenario) { s.Pools[1].Name = "api" },
		"traffic":         func(s *Scenario) { s.Requests[1].Pool = 2 },
		"sockets":         func(s *Scenario) { s.Sockets = []Sockets{{Pool: -1, Clients: 1}} },
		"too many":        func(s *Scenario) { s.Pools[0].Proxies = maxProxies },
		"traffic of none": func(s *Scenario) { s.Pools = nil },
	} {
		s := sharing()
		change(&s)
		if _, err := Run(&s, Proxy{}, 1, Static{1, 1}, Static{1, 1}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := Run(&fine, Proxy{}, 1, Static{1, 1}); err == nil || !strings.Contains(err.Error(), "1 controllers for 2 pools") {
		t.Errorf("error %v", err)
	}
}

func TestConvergenceOfPools(t *testing.T) {
	second := func(at, after int, backends ...string) Convergence {
		return Convergence{At: time.Duration(at) * time.Second, Backends: backends, After: time.Duration(after) * time.Second}
	}
	got := merged(
		[]Convergence{second(10, 3, "a"), second(20, -1, "a"), second(40, 2, "b")},
		[]Convergence{second(5, 1, "c"), second(10, 9, "b", "a"), second(20, 2, "a"), second(40, -1, "b"), second(50, 1, "c")},
	)
	want := []Convergence{second(5, 1, "c"), second(10, 9, "a", "b"), second(20, -1, "a"), second(40, -1, "b"), second(50, 1, "c")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
