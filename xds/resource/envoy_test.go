package resource

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/trimtab-lb/trimtab/scorer"
	"pgregory.net/rapid"
)

var about = cmpopts.EquateApprox(0.002, 0)

func TestExponents(t *testing.T) {
	half := func(p scorer.Plan, known int) scorer.Plan {
		for i := range known {
			p.Decisions[i].Utilization = 0.5
		}
		return p
	}
	static := planOf(4, 2, 1)
	static.Law = scorer.LawStatic
	power := func(e float64) []float64 { return []float64{math.Pow(4, e), math.Pow(2, e), 1} }
	for label, test := range map[string]struct {
		balancing Balancing
		kind      scorer.Kind
		plan      scorer.Plan
		want      []float64
	}{
		"connections":                {DefaultBalancing(), scorer.KindConnections, planOf(4, 2, 1), power(2)},
		"connections, bias 0":        {Balancing{LeastRequest, 0}, scorer.KindConnections, planOf(4, 2, 1), power(1)},
		"connections, bias 0.5":      {Balancing{LeastRequest, 0.5}, scorer.KindConnections, planOf(4, 2, 1), power(1.5)},
		"connections, static":        {DefaultBalancing(), scorer.KindConnections, static, power(2)},
		"connections, round robin":   {Balancing{Policy: RoundRobin}, scorer.KindConnections, planOf(4, 2, 1), power(1)},
		"requests":                   {DefaultBalancing(), scorer.KindRequests, planOf(4, 2, 1), power(1)},
		"requests, one of 3 reports": {DefaultBalancing(), scorer.KindRequests, half(planOf(4, 2, 1), 1), power(1)},
		"requests, 2 of 3 report":    {DefaultBalancing(), scorer.KindRequests, half(planOf(4, 2, 1), 2), power(1.25)},
		"requests, round robin":      {Balancing{Policy: RoundRobin}, scorer.KindRequests, half(planOf(4, 2, 1), 3), power(1)},
		"requests, ring hash":        {Balancing{Policy: RingHash}, scorer.KindRequests, half(planOf(4, 2, 1), 3), power(1)},
		"unknown kind":               {DefaultBalancing(), scorer.KindAuto, planOf(4, 2, 1), power(1)},
	} {
		t.Run(label, func(t *testing.T) {
			served := update(t, envoyOf(t, test.balancing), Update{Plan: test.plan, Kind: test.kind, Endpoints: endpointsOf(3)})
			if diff := cmp.Diff(test.want, ratios(lines(t, served.Body)), about); diff != "" {
				t.Errorf("ratios of weights (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]float64{12. / 7, 6. / 7, 3. / 7}, sharesIn(served), about); diff != "" {
				t.Errorf("shares in force (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExponentDoesNotFlap(t *testing.T) {
	v := envoyOf(t, DefaultBalancing())
	u := Update{Plan: planOf(4, 2, 2, 2, 1), Kind: scorer.KindRequests, Endpoints: endpointsOf(5)}
	for known, want := range []float64{4, 4, 4, math.Pow(4, 1.25), math.Pow(4, 1.25), math.Pow(4, 1.25)} {
		for i := range u.Plan.Decisions {
			u.Plan.Decisions[i].Utilization = math.NaN()
			if i < known {
				u.Plan.Decisions[i].Utilization = 0.5
			}
		}
		if diff := cmp.Diff(want, ratios(lines(t, update(t, v, u).Body))[0], about); diff != "" {
			t.Errorf("%d of 5 report (-want +got):\n%s", known, diff)
		}
	}
	// Half of those in service report, which would not have been enough to begin with.
	u.Plan.Decisions[0].Utilization, u.Plan.Decisions[1].Utilization = math.NaN(), math.NaN()
	u.Plan.Decisions[4].State, u.Plan.Decisions[4].Weight = scorer.StateDraining, 0
	if got := ratios(lines(t, update(t, v, u).Body)[:4])[0]; math.Abs(got-math.Pow(2, 1.25)) > 0.01 {
		t.Errorf("2 of 4 report: ratio %v, want the exponent kept", got)
	}
}

func TestEqualUnlessClearlyDifferent(t *testing.T) {
	v := envoyOf(t, DefaultBalancing())
	for _, step := range []struct {
		weight float64
		equal  bool
	}{
		{1.00, true},
		{1.15, true},
		{1.21, true},
		{1.24, false}, // a logarithm above 0.2
		{1.19, false}, // and not back at once
		{1.10, true},
		{1.20, true}, // below 0.1
		{0.80, false},
		{0.95, true}, // as well downwards
	} {
		u := Update{Plan: planOf(step.weight, 1, 1), Kind: scorer.KindConnections, Endpoints: endpointsOf(3)}
		served := update(t, v, u)
		got := lines(t, served.Body)
		if equal := got[0].Weight == got[1].Weight && got[1].Weight == got[2].Weight; equal != step.equal {
			t.Errorf("share %v: weights %v, want equal: %v", step.weight, got, step.equal)
		}
		if in := sharesIn(served); step.equal != (in[0] == in[1]) {
			t.Errorf("share %v: in force %v", step.weight, in)
		}
		if noted := served.InForce.Shares[0].Note != ""; noted != (step.equal && step.weight != 1) {
			t.Errorf("share %v: note %q", step.weight, served.InForce.Shares[0].Note)
		}
	}
}

func TestOrdersAreNotMadeEqual(t *testing.T) {
	static := planOf(1.1, 1)
	static.Law = scorer.LawStatic
	pinned := planOf(1.1, 1)
	pinned.Decisions[0].Pinned = true
	for label, p := range map[string]scorer.Plan{"configured": static, "pinned": pinned} {
		served := update(t, envoyOf(t, DefaultBalancing()), Update{Plan: p, Endpoints: endpointsOf(2)})
		if diff := cmp.Diff([]float64{1.1, 1}, ratios(lines(t, served.Body)), about); diff != "" {
			t.Errorf("%s: ratios of weights (-want +got):\n%s", label, diff)
		}
	}
}

func TestWhoGetsNothingDrains(t *testing.T) {
	p := planOf(2, 1, 1, 1, 1)
	for i, state := range []scorer.State{scorer.StateReady, scorer.StateDraining, scorer.StateEjected, scorer.StateDown, scorer.StateUnknown} {
		p.Decisions[i].State = state
	}
	p.Decisions[1].Weight = 0
	p.Decisions[2].Pulse = 50e6 // a weight for a moment, which nobody here can time
	served := update(t, envoyOf(t, Balancing{Policy: RoundRobin}), Update{Plan: p, Endpoints: endpointsOf(5)})
	got := lines(t, served.Body)
	for i, want := range []string{"", "DRAINING", "DRAINING", "DRAINING", ""} {
		if got[i].Health != want || got[i].Weight == 0 {
			t.Errorf("%s: %+v, want health %q and a weight", name(i), got[i], want)
		}
	}
	if got[3].Weight != got[4].Weight {
		t.Errorf("weights %v: who is down must keep the weight it comes back with", got)
	}
	for i, share := range served.InForce.Shares {
		if drains := got[i].Health != ""; drains != (share.Weight == 0) || drains != (share.Applied == 0) {
			t.Errorf("in force %+v, served %+v", share, got[i])
		}
	}
}

func TestDrainingDoesNotMakeWeightsUnequal(t *testing.T) {
	p := planOf(1, 1, 1)
	p.Decisions[2].State, p.Decisions[2].Weight = scorer.StateDraining, 0
	departed := []Departed{{Endpoint{Backend: "old", Address: "10.9.9.9:80"}, 3}}
	served := update(t, envoyOf(t, DefaultBalancing()), Update{Plan: p, Endpoints: endpointsOf(3), Departed: departed})
	for _, l := range lines(t, served.Body) {
		if l.Weight != lines(t, served.Body)[0].Weight {
			t.Errorf("weights %v are not all equal", lines(t, served.Body))
		}
	}
}

func TestNobodyLeft(t *testing.T) {
	for label, test := range map[string]struct {
		change func(d *scorer.Decision)
		want   []string
	}{
		"drained": {func(d *scorer.Decision) { d.State, d.Weight, d.Drained = scorer.StateDraining, 0, true }, []string{"DRAINING", "DRAINING"}},
		"down":    {func(d *scorer.Decision) { d.State = scorer.StateDown }, []string{"", ""}},
		"ejected": {func(d *scorer.Decision) { d.State, d.Weight = scorer.StateEjected, 0 }, []string{"", ""}},
	} {
		t.Run(label, func(t *testing.T) {
			p := planOf(1, 1)
			test.change(&p.Decisions[0])
			test.change(&p.Decisions[1])
			got := lines(t, update(t, envoyOf(t, DefaultBalancing()), Update{Plan: p, Endpoints: endpointsOf(2)}).Body)
			for i, want := range test.want {
				if got[i].Health != want {
					t.Errorf("%+v, want health %q", got[i], want)
				}
			}
		})
	}
}

func TestDepartedStayUntilTheyHoldNothing(t *testing.T) {
	v := envoyOf(t, DefaultBalancing())
	left := endpointsOf(3)[2]
	u := Update{Plan: planOf(1, 1), Kind: scorer.KindConnections, Endpoints: endpointsOf(2)}
	for _, step := range []struct {
		departed []Departed
		want     []string
	}{
		{nil, []string{"", ""}},
		{[]Departed{{left, 5}}, []string{"", "", "DRAINING"}},
		{[]Departed{{left, math.NaN()}}, []string{"", "", "DRAINING"}},
		{[]Departed{{left, 0}}, []string{"", ""}},
		{[]Departed{{left, 5}, {left, 5}}, []string{"", "", "DRAINING"}},
		{[]Departed{{Endpoint{Backend: "other", Address: u.Endpoints[0].Address}, 5}}, []string{"", ""}},
		{[]Departed{{Endpoint{Backend: "b1", Address: "10.9.9.9:80"}, 5}}, []string{"", ""}},
		{[]Departed{{Endpoint{Backend: "b9", Address: "host:80"}, 5}}, []string{"", ""}},
	} {
		u.Departed = step.departed
		var got []string
		served := update(t, v, u)
		for _, l := range lines(t, served.Body) {
			got = append(got, l.Health)
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("departed %v (-want +got):\n%s", step.departed, diff)
		}
		if len(served.InForce.Shares) != 2 {
			t.Errorf("in force %v, want the members alone", served.InForce.Shares)
		}
	}
}

func TestDryRunHoldsWhatWasServed(t *testing.T) {
	v := envoyOf(t, DefaultBalancing())
	u := Update{Plan: planOf(4, 2, 1), Kind: scorer.KindConnections, Endpoints: endpointsOf(3)}
	u.Plan.Decisions[2].State, u.Plan.Decisions[2].Weight = scorer.StateDraining, 0
	first := update(t, v, u)
	u.Plan = planOf(1, 5, 1)
	u.Plan.Mode = scorer.DryRun
	if again := update(t, v, u); again.Changed || &again.Body[0] != &first.Body[0] {
		t.Errorf("a dry run changes %v to %v", lines(t, first.Body), lines(t, again.Body))
	}
	u.Endpoints = append(endpointsOf(3), Endpoint{Backend: "b4", Address: "10.1.1.1:80"})
	joined := lines(t, update(t, v, u).Body)
	if diff := cmp.Diff(lines(t, first.Body), joined[:3]); diff != "" {
		t.Errorf("a member that joins changes the others (-before +after):\n%s", diff)
	}
	if joined[3].Health != "" || joined[3].Weight <= joined[1].Weight/2 || joined[3].Weight >= joined[0].Weight {
		t.Errorf("who joins in a dry run has %+v of %v, want a fair share", joined[3], joined)
	}
}

func TestConfiguredCapacityUntilThereIsAPlan(t *testing.T) {
	endpoints := endpointsOf(3)
	endpoints[0].Capacity = 4
	static := scorer.Plan{Law: scorer.LawStatic}
	served := update(t, envoyOf(t, Balancing{Policy: RoundRobin}), Update{Plan: static, Endpoints: endpoints})
	if diff := cmp.Diff([]float64{4, 1, 1}, ratios(lines(t, served.Body)), about); diff != "" {
		t.Errorf("ratios of weights (-want +got):\n%s", diff)
	}
}

func TestNothingNewIsNotServedAgain(t *testing.T) {
	v := envoyOf(t, DefaultBalancing())
	u := Update{Plan: planOf(4, 2, 1), Kind: scorer.KindConnections, Endpoints: endpointsOf(3)}
	first := update(t, v, u)
	if !first.Changed {
		t.Fatal("the first update is no change")
	}
	for label, plan := range map[string]scorer.Plan{
		"same plan": planOf(4, 2, 1), "another scale": planOf(2, 1, 0.5),
	} {
		u.Plan, u.Endpoints = plan, endpointsOf(3)
		if again := update(t, v, u); again.Changed || &again.Body[0] != &first.Body[0] {
			t.Errorf("%s: served again", label)
		}
	}
	u.Plan = planOf(4, 2, 1.5)
	moved := lines(t, update(t, v, u).Body)
	if diff := cmp.Diff(lines(t, first.Body)[:2], moved[:2]); diff != "" {
		t.Errorf("one that moves changes the others (-before +after):\n%s", diff)
	}
}

func TestRecallServesTheSameAfterARestart(t *testing.T) {
	reported := planOf(4, 2, 1.1, 1)
	for i := range reported.Decisions {
		reported.Decisions[i].Utilization = 0.5
	}
	drained := planOf(4, 2, 1, 0.5)
	drained.Decisions[2].State, drained.Decisions[2].Weight = scorer.StateDraining, 0
	for label, plan := range map[string]scorer.Plan{
		"unequal": planOf(4, 2, 1.1, 1), "equal": planOf(1.05, 1, 1, 1), "still unequal": planOf(1.1, 1, 1, 1),
		"reported": reported, "drained": drained,
	} {
		for _, kind := range []scorer.Kind{scorer.KindConnections, scorer.KindRequests} {
			t.Run(label+", "+string(kind), func(t *testing.T) {
				before := envoyOf(t, DefaultBalancing())
				u := Update{Plan: planOf(9, 2, 1, 1), Kind: kind, Endpoints: endpointsOf(4)}
				update(t, before, u)
				// A mass disconnect makes the largest weight odd.
				for _, held := range []float64{100, 0} {
					u.Plan = plan
					u.Plan.Decisions = slices.Clone(plan.Decisions)
					for i := range u.Plan.Decisions {
						u.Plan.Decisions[i].InFlight = held
					}
					update(t, before, u)
				}
				u.Plan = plan
				last := update(t, before, u)
				text, err := json.Marshal(before.Memory())
				if err != nil {
					t.Fatal(err)
				}
				for _, mode := range []scorer.Mode{scorer.Active, scorer.DryRun} {
					var memory Memory
					if err := json.Unmarshal(text, &memory); err != nil {
						t.Fatal(err)
					}
					after := envoyOf(t, DefaultBalancing())
					after.Recall(memory)
					u.Plan, u.Plan.Mode, u.Plan.Seq = plan, mode, 1
					u.Plan.Decisions = slices.Clone(plan.Decisions)
					for i := range u.Plan.Decisions { // nobody has reported yet
						u.Plan.Decisions[i].Utilization = math.NaN()
					}
					if diff := cmp.Diff(lines(t, last.Body), lines(t, update(t, after, u).Body)); diff != "" {
						t.Errorf("%v (-before +after):\n%s", mode, diff)
					}
				}
			})
		}
	}
}

func TestRecallLeavesOutNonsense(t *testing.T) {
	v := envoyOf(t, DefaultBalancing())
	v.Recall(Memory{Policy: LeastRequest, Bias: 1, Weights: map[string]int{"b1": -4, "b2": 0, "b3": math.MaxInt64}, Filler: math.MaxUint32, Unequal: true})
	p := planOf(4, 2, 1)
	p.Decisions[2].State, p.Decisions[2].Weight = scorer.StateDraining, 0 // has the filler for a weight
	update(t, v, Update{Plan: p, Kind: scorer.KindRequests, Endpoints: endpointsOf(3)})
}

func TestMassDisconnectIsPushed(t *testing.T) {
	v := envoyOf(t, DefaultBalancing())
	holding := func(n float64, weights ...float64) Update {
		p := planOf(weights...)
		for i := range p.Decisions {
			p.Decisions[i].InFlight = n
		}
		return Update{Plan: p, Kind: scorer.KindConnections, Endpoints: endpointsOf(len(weights))}
	}
	for i, step := range []struct {
		held    float64
		changed bool
	}{{100, true}, {100, false}, {60, false}, {40, true}, {40, false}, {39, false}, {0, true}, {0, false}, {1, false}, {0, false}} {
		if got := update(t, v, holding(step.held, 4, 2, 1)).Changed; got != step.changed {
			t.Errorf("step %d, %v held: changed %v, want %v", i, step.held, got, step.changed)
		}
	}
	v = envoyOf(t, DefaultBalancing())
	update(t, v, holding(100, 1, 1, 1))
	if update(t, v, holding(0, 1, 1, 1)).Changed {
		t.Error("equal weights are pushed: two choices remember nothing")
	}
}

func TestPoliciesThatHeedNoWeights(t *testing.T) {
	for _, policy := range []Policy{Random, ClientSideWeightedRoundRobin} {
		served := update(t, envoyOf(t, Balancing{Policy: policy}), Update{Plan: planOf(4, 2, 1), Endpoints: endpointsOf(3)})
		if diff := cmp.Diff([]float64{1, 1, 1}, sharesIn(served)); diff != "" {
			t.Errorf("%s: shares in force (-want +got):\n%s", policy, diff)
		}
		if served.InForce.Algorithm != scorer.FixedWeights || len(served.InForce.Warnings) == 0 {
			t.Errorf("%s: %+v does not say that weights do nothing", policy, served.InForce)
		}
	}
}

func TestErrorsNameThePool(t *testing.T) {
	for _, b := range []Balancing{{Policy: "LEAST"}, {Policy: LeastRequest, ActiveRequestBias: -1}} {
		if _, err := NewEnvoy(EnvoyConfig{Pool: "ws", Balancing: b}); err == nil || !strings.Contains(err.Error(), "pool ws") {
			t.Errorf("%+v: error %v", b, err)
		}
	}
	v := envoyOf(t, DefaultBalancing())
	update(t, v, Update{Plan: planOf(1, 1), Endpoints: endpointsOf(2)})
	for _, weight := range []float64{math.NaN(), math.Inf(1), -1} {
		_, err := v.Update(Update{Plan: planOf(1, weight), Endpoints: endpointsOf(2)})
		if err == nil || !strings.Contains(err.Error(), `pool ws: backend "b2"`) {
			t.Errorf("weight %v: error %v", weight, err)
		}
	}
	if again := update(t, v, Update{Plan: planOf(1, 1), Endpoints: endpointsOf(2)}); again.Changed {
		t.Error("an error has changed what is served")
	}
}

// Whatever the plans, what is served is valid, keeps the order of the shares, and
// is what InForce says.
func TestServedInvariants(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		balancing := Balancing{
			Policy:            rapid.SampledFrom([]Policy{LeastRequest, RoundRobin}).Draw(r, "policy"),
			ActiveRequestBias: rapid.Float64Range(0, 1.5).Draw(r, "bias"),
		}
		v := envoyOf(t, balancing)
		g, err := NewGRPC("ws", "ws")
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 8).Draw(r, "plans") {
			weights := rapid.SliceOfN(rapid.Float64Range(0.05, 20), 1, 12).Draw(r, "weights")
			u := Update{
				Plan: planOf(weights...), Endpoints: endpointsOf(len(weights)),
				Kind: rapid.SampledFrom([]scorer.Kind{scorer.KindRequests, scorer.KindConnections}).Draw(r, "kind"),
			}
			for i := range u.Plan.Decisions {
				u.Plan.Decisions[i].State = scorer.State(rapid.IntRange(0, 4).Draw(r, "state"))
				u.Plan.Decisions[i].InFlight = rapid.Float64Range(0, 100).Draw(r, "in flight")
			}
			served := update(t, v, u)
			got := lines(t, served.Body)
			if len(got) != len(weights) {
				r.Fatalf("%d endpoints of %d", len(got), len(weights))
			}
			for i := range got {
				share, d := served.InForce.Shares[i], u.Plan.Decisions[i]
				if (got[i].Health == "") != (share.Weight > 0) {
					r.Fatalf("%+v in force as %+v", got[i], share)
				}
				for j := range got {
					other := u.Plan.Decisions[j]
					apart := math.Log(d.Weight / other.Weight)
					if takesWork(&d) && takesWork(&other) && apart > 0.16 && share.Weight < served.InForce.Shares[j].Weight {
						r.Fatalf("%s has %v and gets less than %s with %v: %v", d.Backend, d.Weight, other.Backend, other.Weight, got)
					}
				}
			}
			update(t, g, u)
			assignmentIn(t, g.body)
		}
	})
}
