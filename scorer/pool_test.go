package scorer

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// rig drives a pool as a tuner would: five reports a step, and what the plan
// says in force after it.
type rig struct {
	t         testing.TB
	pool      *Pool
	now       time.Time
	algorithm Algorithm
	plan      Plan
	// latencies are the response times that the proxy tells, if it does.
	latencies map[string]float64
	limits    map[string]float64 // of what may be in flight
}

func newRig(t testing.TB, config Config, backends ...Backend) *rig {
	t.Helper()
	if config.Name == "" {
		config.Name = "pool"
	}
	p, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	p.SetBackends(backends)
	return &rig{t: t, pool: p, now: start, algorithm: LeastConnections}
}

func equalBackends(n int) []Backend {
	var out []Backend
	for i := range n {
		out = append(out, Backend{Name: fmt.Sprintf("s%d", i)})
	}
	return out
}

// seen is what a proxy counts of one backend in a second.
type seen struct{ inFlight, completed, failed, upgrades float64 }

func (r *rig) step(counts map[string]seen, own ...Report) Plan {
	r.t.Helper()
	for k := range 5 {
		at := r.now.Add(time.Duration(k+1) * 200 * time.Millisecond)
		for name, c := range counts {
			report := NewReport(name, "haproxy:a", at)
			report.ByProxy, report.Interval = true, 200*time.Millisecond
			report.InFlight, report.RPS, report.EPS, report.Upgrades = c.inFlight, c.completed, c.failed, c.upgrades
			if limit := r.limits[name]; limit > 0 {
				report.Limit = limit
			}
			if latency := r.latencies[name]; latency > 0 {
				report.Latency = latency
			}
			r.pool.Observe(report)
		}
	}
	r.now = r.now.Add(time.Second)
	for _, report := range own {
		report.At = r.now
		r.pool.Observe(report)
	}
	r.plan = r.pool.Step(r.now)
	var shares []Share
	for _, d := range r.plan.Decisions {
		shares = append(shares, Share{Backend: d.Backend, Weight: d.Weight})
	}
	r.pool.Applied("t", InForce{Origin: "haproxy:a", Algorithm: r.algorithm, Pulses: true, Shares: shares})
	return r.plan
}

// sharing is a second of s0, s1 and so on, which hold a hundred connections each and
// report so much use.
func sharing(utilization ...float64) (counts map[string]seen, own []Report) {
	counts = map[string]seen{}
	for i, u := range utilization {
		report := NewReport(fmt.Sprintf("s%d", i), fmt.Sprintf("orca:s%d", i), start)
		report.Utilization = u
		counts[report.Backend], own = seen{inFlight: 100}, append(own, report)
	}
	return counts, own
}

func (r *rig) decision(name string) Decision {
	r.t.Helper()
	for _, d := range r.plan.Decisions {
		if d.Backend == name {
			return d
		}
	}
	r.t.Fatalf("no decision for %s", name)
	return Decision{}
}

// pool behaves like servers that share a load by weight and need in-flight in
// proportion to their use of capacity: enough physics for the law to close its
// loop.
func physics(plan Plan, capacity map[string]float64, rate float64) map[string]seen {
	out := map[string]seen{}
	total := 0.0
	weight := func(name string) float64 {
		for _, d := range plan.Decisions {
			if d.Backend == name {
				return d.Weight
			}
		}
		return 1
	}
	for name := range capacity {
		total += weight(name)
	}
	for name, c := range capacity {
		completed := rate * weight(name) / total
		utilization := min(completed/c, 0.98)
		out[name] = seen{inFlight: c / 50 * utilization / (1 - utilization), completed: completed}
	}
	return out
}

func TestCapacityIsLearnedFromCountsAlone(t *testing.T) {
	capacity := map[string]float64{"s0": 400, "s1": 400, "s2": 200, "s3": 200, "s4": 100}
	r := newRig(t, Config{}, equalBackends(5)...)
	for range 300 {
		r.step(physics(r.plan, capacity, 400))
	}
	for name, c := range capacity {
		want := c / 260 // the mean capacity
		if got := r.decision(name).Weight; got < 0.75*want || got > 1.3*want {
			t.Errorf("%s: weight %.2f, want about %.2f (%s)", name, got, want, r.decision(name).Why)
		}
	}
	if r.plan.Law != LawCapacity {
		t.Errorf("law %q, want %q", r.plan.Law, LawCapacity)
	}
	if why := r.decision("s4").Why; !strings.Contains(why, "learned from in-flight and completions") {
		t.Errorf("why = %q", why)
	}
}

// In overload work waits for so long that nothing is learned from it; what was learned
// before is what backends can do all the same.
func TestScoresInOverloadAreByWhatWasLearned(t *testing.T) {
	r := newRig(t, Config{}, equalBackends(2)...)
	r.algorithm = LeastRequest
	weights := map[string]float64{"s0": 1, "s1": 1}
	for i := range 400 {
		waiting := 900.0 // of 500 a second
		if i >= 300 {
			waiting = 1400
		}
		counts := map[string]seen{}
		for name, capacity := range map[string]float64{"s0": 400, "s1": 100} {
			counts[name] = seen{inFlight: waiting * weights[name] / 2, completed: capacity, upgrades: math.NaN()}
		}
		for _, d := range r.step(counts).Decisions {
			weights[d.Backend] = d.Weight
		}
	}
	if !strings.HasPrefix(r.decision("s0").Why, "as it was") || r.plan.Imbalance > 1.15 {
		t.Errorf("imbalance %v, scores %v and %v: %s", r.plan.Imbalance, r.decision("s0").Score, r.decision("s1").Score, r.decision("s0").Why)
	}
}

func TestReportsAreBelievedWhileTheyAgree(t *testing.T) {
	capacity := map[string]float64{"s0": 400, "s1": 400, "s2": 200, "s3": 200, "s4": 100}
	r := newRig(t, Config{}, equalBackends(5)...)
	for range 200 {
		counts := physics(r.plan, capacity, 400)
		var own []Report
		for name, c := range capacity {
			report := NewReport(name, "orca", r.now)
			report.Utilization = counts[name].completed / c
			if name == "s3" {
				report.Utilization /= 5 // a liar claims five times its capacity
			}
			own = append(own, report)
		}
		r.step(counts, own...)
	}
	if why := r.decision("s4").Why; !strings.Contains(why, "learned from its load report") {
		t.Errorf("honest s4: why = %q", why)
	}
	if why := r.decision("s3").Why; !strings.Contains(why, "not believed") {
		t.Errorf("lying s3: why = %q", why)
	}
	if got := r.decision("s3").Weight; got > 1.1 {
		t.Errorf("the liar has weight %.2f, its capacity is worth 0.77", got)
	}
}

func TestConnectionsOfDifferentLifetimesMoveNothing(t *testing.T) {
	r := newRig(t, Config{}, equalBackends(4)...)
	for i := range 300 {
		n := float64(min(i*10, 500))
		r.step(map[string]seen{
			"s0": {n, n / 30, 0, n / 30}, "s1": {n, n / 60, 0, n / 60},
			"s2": {n, n / 120, 0, n / 120}, "s3": {n, n / 300, 0, n / 300},
		})
		for _, d := range r.plan.Decisions {
			if d.Weight != 1 {
				t.Fatalf("second %d: %s has weight %v", i, d.Backend, d.Weight)
			}
		}
	}
	if !strings.Contains(r.plan.LawWhy, "long-lived connections") {
		t.Errorf("law why = %q", r.plan.LawWhy)
	}
}

func TestLawFollowsTheAlgorithm(t *testing.T) {
	for _, test := range []struct {
		name      string
		config    Config
		algorithm Algorithm
		reports   bool
		law, says string
	}{
		{"leastconn", Config{}, LeastConnections, false, LawCapacity, "in-flight and completions"},
		{"random", Config{}, Random, false, LawCapacity, "in-flight and completions"},
		{"least request", Config{}, LeastRequest, false, LawCapacity, "in-flight and completions"},
		{"round robin, nothing reported", Config{}, RoundRobin, false, LawCapacity, "learned from how requests queue"},
		{"round robin with reports", Config{}, RoundRobin, true, LawCapacity, "reported utilization, and from how requests queue"},
		{"fixed", Config{}, FixedWeights, true, LawStatic, "takes no weights"},
		{"static by configuration", Config{Law: LawStatic}, LeastConnections, true, LawStatic, "configured"},
		{"connections with reports", Config{Kind: KindConnections}, LeastConnections, true, lawConnections, "dear ones"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, test.config, equalBackends(2)...)
			r.algorithm = test.algorithm
			for range 30 {
				counts := map[string]seen{"s0": {5, 100, 0, 0}, "s1": {5, 100, 0, 0}}
				var own []Report
				if test.reports {
					for name := range counts {
						report := NewReport(name, "orca", r.now)
						report.Utilization = 0.5
						own = append(own, report)
					}
				}
				r.step(counts, own...)
			}
			if r.plan.Law != test.law || !strings.Contains(r.plan.LawWhy, test.says) {
				t.Errorf("law %q because %q, want %q and %q", r.plan.Law, r.plan.LawWhy, test.law, test.says)
			}
		})
	}
}

// Round robin at one target neither decides the law nor is complained of while
// another one has feedback.
func TestRoundRobinDoesNotDecideForOthers(t *testing.T) {
	for other, want := range map[Algorithm]struct {
		law    string
		advice bool
		silent bool
	}{
		LeastRequest: {law: LawCapacity}, LeastConnections: {law: LawCapacity}, RoundRobin: {law: LawCapacity, advice: true},
		// What nothing goes through says nothing.
		Random: {law: LawCapacity, advice: false, silent: true},
	} {
		t.Run(string(other), func(t *testing.T) {
			r := newRig(t, Config{}, equalBackends(2)...)
			r.algorithm = RoundRobin
			r.pool.Applied("other", InForce{Origin: "lrs:*", Algorithm: other, Shares: []Share{{Backend: "s0", Weight: 1}, {Backend: "s1", Weight: 1}}})
			r.step(nil)
			r.step(nil) // by now both targets have said what they balance by
			if (r.plan.Advice != "") != want.advice {
				t.Errorf("advice before anything is known: %q", r.plan.Advice)
			}
			for range 30 {
				for _, name := range []string{"s0", "s1"} {
					if report := NewReport(name, "lrs:edge-1", r.now.Add(time.Second)); !want.silent {
						report.ByProxy, report.Interval, report.InFlight, report.RPS = true, time.Second, 5, 100
						r.pool.Observe(report)
					}
				}
				r.step(map[string]seen{"s0": {5, 100, 0, 0}, "s1": {5, 100, 0, 0}})
			}
			if r.plan.Law != want.law || (r.plan.Advice != "") != want.advice {
				t.Errorf("law %q, advice %q, want %q", r.plan.Law, r.plan.Advice, want.law)
			}
		})
	}
}

func TestThinTrafficIsSaid(t *testing.T) {
	r := newRig(t, Config{}, equalBackends(4)...)
	light := map[string]seen{"s0": {0.2, 10, 0, 0}, "s1": {0.2, 10, 0, 0}, "s2": {0.2, 10, 0, 0}, "s3": {0.2, 10, 0, 0}}
	for range 30 {
		r.step(light)
	}
	if !strings.Contains(r.plan.Advice, "balance random(2)") {
		t.Errorf("advice = %q", r.plan.Advice)
	}
	if why := r.decision("s0").Why; !strings.Contains(why, "weights do little here") {
		t.Errorf("why = %q", why)
	}
	r.algorithm = Random
	r.step(light)
	r.step(light)
	if r.plan.Advice != "" {
		t.Errorf("advice for random(2) = %q", r.plan.Advice)
	}
}

func TestFailFastIsEjectedAndComesBackSlowly(t *testing.T) {
	r := newRig(t, Config{}, equalBackends(5)...)
	healthy := map[string]seen{}
	for i := range 5 {
		healthy[fmt.Sprintf("s%d", i)] = seen{4, 200, 0, 0}
	}
	failing := map[string]seen{}
	for name, c := range healthy {
		failing[name] = c
	}
	failing["s2"] = seen{1, 900, 900, 0}
	for range 20 {
		r.step(healthy)
	}
	ejected := -1
	for i := range 5 {
		r.step(failing)
		if r.decision("s2").State == StateEjected {
			ejected = i + 1
			break
		}
	}
	if ejected < 0 || ejected > 2 {
		t.Fatalf("ejected after %d s, want at most 2", ejected)
	}
	if d := r.decision("s2"); d.Weight != 0 || !strings.Contains(d.Why, "ejected: fails") {
		t.Errorf("weight %v, why %q", d.Weight, d.Why)
	}
	apart := map[string]seen{}
	for name, c := range healthy {
		apart[name] = c
	}
	pulses, last := 0, 0.0
	for i := range 120 {
		apart["s2"] = seen{}
		if r.decision("s2").Pulse > 0 {
			pulses++
			apart["s2"] = seen{0, 20, 0, 0}
		}
		r.step(apart)
		d := r.decision("s2")
		if d.State == StateReady {
			if d.Weight > 0.2 {
				t.Errorf("came back with weight %v, want a slow start", d.Weight)
			}
			last = float64(i)
			break
		}
	}
	if pulses != 3 || last == 0 {
		t.Errorf("readmitted after %d pulses at second %v", pulses, last)
	}
	if strings.Contains(r.decision("s2").Why, "slow start") == false {
		t.Errorf("why = %q", r.decision("s2").Why)
	}
}

// Who has most of the pool's strength is taken out only for failing most of its
// work: the others could not bear the rest.
func TestTheStrongestIsNotMissedForALittle(t *testing.T) {
	backends := []Backend{{Name: "s0", Capacity: 8}, {Name: "s1", Capacity: 1}}
	for failing, want := range map[float64]State{0.3: StateReady, 0.8: StateEjected} {
		r := newRig(t, Config{}, backends...)
		for range 10 {
			r.step(map[string]seen{"s0": {4, 80, 80 * failing, 0}, "s1": {0.5, 10, 0, 0}})
		}
		if d := r.decision("s0"); d.State != want {
			t.Errorf("s0 fails %v of its work: %v (%s), want %v", failing, d.State, d.Why, want)
		}
	}
	// Of equals one is no majority.
	r := newRig(t, Config{}, equalBackends(2)...)
	for range 10 {
		r.step(map[string]seen{"s0": {4, 80, 30, 0}, "s1": {4, 80, 0, 0}})
	}
	if d := r.decision("s0"); d.State != StateEjected {
		t.Errorf("one of two that fails 30 %%: %v (%s)", d.State, d.Why)
	}
}

func TestACommonFailureEjectsNobody(t *testing.T) {
	r := newRig(t, Config{}, equalBackends(4)...)
	for range 60 {
		counts := map[string]seen{}
		for i := range 4 {
			counts[fmt.Sprintf("s%d", i)] = seen{4, 200, 66 + float64(i), 0}
		}
		r.step(counts)
		for _, d := range r.plan.Decisions {
			if d.State == StateEjected {
				t.Fatalf("%s was ejected: %s", d.Backend, d.Why)
			}
		}
	}
}

func TestEjectionIsBounded(t *testing.T) {
	r := newRig(t, Config{}, equalBackends(6)...)
	for range 30 {
		counts := map[string]seen{}
		for i := range 6 {
			c := seen{4, 200, 0, 0}
			if i < 4 {
				c.failed = 200
			}
			counts[fmt.Sprintf("s%d", i)] = c
		}
		r.step(counts)
		out := 0
		for _, d := range r.plan.Decisions {
			if d.State == StateEjected {
				out++
			}
		}
		if out > 2 {
			t.Fatalf("%d of 6 ejected, the limit is a third", out)
		}
	}
}

// Where no target can pulse, the plan asks for health requests.
func TestProbesReadmitWherePulsesCannot(t *testing.T) {
	r := newRig(t, Config{}, equalBackends(3)...)
	r.pool.Applied("t", InForce{Origin: "haproxy:a"})
	counts := steady(3, 200, 0)
	counts["s1"] = seen{4, 200, 200, 0}
	asked := 0
	for i := range 30 {
		// The rig's target pulses; this one does not.
		r.now = r.now.Add(time.Second)
		for name, c := range counts {
			report := NewReport(name, "haproxy:a", r.now)
			report.ByProxy, report.Interval = true, time.Second
			report.InFlight, report.RPS, report.EPS = c.inFlight, c.completed, c.failed
			r.pool.Observe(report)
		}
		r.plan = r.pool.Step(r.now)
		d := r.decision("s1")
		if d.Pulse != 0 {
			t.Fatalf("step %d: a pulse that nobody can give", i)
		}
		if d.Probe {
			asked++
			r.pool.Probed(r.now, "s1", asked > 1) // the first one fails
		}
		if asked > 0 && d.State == StateReady {
			if asked < 4 {
				t.Errorf("back after %d requests, want three good ones in a row", asked)
			}
			return
		}
	}
	t.Errorf("never back, after %d requests", asked)
}

func TestStaleDecaysToConfigured(t *testing.T) {
	capacity := map[string]float64{"s0": 400, "s1": 100}
	r := newRig(t, Config{}, equalBackends(2)...)
	for range 200 {
		r.step(physics(r.plan, capacity, 300))
	}
	learned := r.decision("s0").Weight
	if learned < 1.2 {
		t.Fatalf("learned %v, the test needs an unequal pool", learned)
	}
	for range 9 {
		r.step(nil)
	}
	if got := r.decision("s0").Weight; got != learned {
		t.Errorf("weight %v after 9 s without reports, want it held at %v", got, learned)
	}
	for range 300 {
		r.step(nil)
	}
	if got := r.decision("s0"); math.Abs(got.Weight-1) > 0.06 || got.State != StateUnknown {
		t.Errorf("weight %v in state %v after 5 minutes without reports, want about 1 and unknown", got.Weight, got.State)
	}
}

func TestNoJumpFromWhatIsInForce(t *testing.T) {
	r := newRig(t, Config{}, equalBackends(2)...)
	r.pool.Applied("t", InForce{Origin: "haproxy:a", Algorithm: LeastConnections, Shares: []Share{{Backend: "s0", Weight: 180}, {Backend: "s1", Weight: 60}}})
	r.step(map[string]seen{"s0": {6, 300, 0, 0}, "s1": {2, 100, 0, 0}})
	if diff := cmp.Diff([]float64{1.5, 0.5}, []float64{r.decision("s0").Weight, r.decision("s1").Weight},
		cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 0.5*b+1e-9 })); diff != "" {
		t.Errorf("first weights leave the step limit (-found +got):\n%s", diff)
	}
}

func TestDownAndDraining(t *testing.T) {
	backends := equalBackends(4)
	backends[1].Condition, backends[2].Condition = Down, Draining
	r := newRig(t, Config{}, backends...)
	r.step(map[string]seen{"s0": {4, 200, 0, 0}, "s3": {4, 200, 0, 0}})
	want := map[string]State{"s0": StateReady, "s1": StateDown, "s2": StateDraining, "s3": StateReady}
	for name, state := range want {
		if got := r.decision(name).State; got != state {
			t.Errorf("%s is %v, want %v", name, got, state)
		}
	}
	if got := r.decision("s2").Weight; got != 0 {
		t.Errorf("draining weight %v", got)
	}
	if got := r.decision("s1").Weight; got != DefaultConstants().SlowStartFirst {
		t.Errorf("a server that is down returns with %v, want slow start's first %v", got, DefaultConstants().SlowStartFirst)
	}
}

func TestNewRefusesContradictions(t *testing.T) {
	for _, test := range []struct {
		config Config
		says   string
	}{
		{Config{Limits: Limits{Floor: 2}}, "floor 2"},
		{Config{Limits: Limits{Ceiling: 0.5}}, "ceiling 0.5"},
		{Config{Limits: Limits{Step: -1}}, "step -1"},
		{Config{Limits: Limits{Deadband: 1}}, "deadband 1"},
		{Config{Limits: Limits{StaleAfter: -1}}, "stale_after"},
		{Config{Limits: Limits{MaxEjected: 2}}, "max_ejected 2"},
		{Config{Law: "magic"}, `law "magic"`},
		{Config{Kind: "both"}, `kind "both"`},
		{Config{Score: ScoreConfig{Coefficients: map[string]float64{"cpu": -1}}}, "score cpu -1"},
	} {
		test.config.Name = "web"
		_, err := New(test.config)
		if err == nil || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "pool web") {
			t.Errorf("New(%+v) = %v, want an error that names pool web and %q", test.config, err, test.says)
		}
	}
}

// drawCounts draws anything a proxy might count in a second.
func drawCounts(t *rapid.T, name string) seen {
	c := seen{
		inFlight:  rapid.Float64Range(0, 500).Draw(t, name+" in flight"),
		completed: rapid.Float64Range(0, 1000).Draw(t, name+" completed"),
	}
	c.failed = c.completed * rapid.SampledFrom([]float64{0, 0, 0, 0.1, 0.5, 1}).Draw(t, name+" failed")
	return c
}

func TestPlansKeepTheirPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "n")
		backends := equalBackends(n)
		for i := range backends {
			backends[i].Capacity = rapid.Float64Range(0.1, 100).Draw(t, "capacity")
		}
		r := &rig{t: ignore{}, now: start, algorithm: rapid.SampledFrom([]Algorithm{LeastConnections, Random, RoundRobin, LeastRequest}).Draw(t, "algorithm")}
		var err error
		if r.pool, err = New(Config{Name: "p"}); err != nil {
			t.Fatal(err)
		}
		r.pool.SetBackends(backends)
		limits := Config{}.withDefaults().Limits
		var before map[string]Decision
		for step := range rapid.IntRange(1, 40).Draw(t, "steps") {
			counts := map[string]seen{}
			for _, b := range backends {
				if rapid.IntRange(0, 9).Draw(t, "silent") > 0 {
					counts[b.Name] = drawCounts(t, b.Name)
				}
			}
			plan := r.step(counts)
			checkPlan(t, plan, limits, before, step)
			before = map[string]Decision{}
			for _, d := range plan.Decisions {
				before[d.Backend] = d
			}
		}
	})
}

// ignore is a testing.TB for rigs inside rapid, which has its own.
type ignore struct{ testing.TB }

func (ignore) Helper() {}

func checkPlan(t *rapid.T, plan Plan, limits Limits, before map[string]Decision, step int) {
	serving := func(d Decision) bool { return d.State == StateReady || d.State == StateUnknown }
	var sum, count, beforeSum, beforeCount float64
	same := true
	for _, d := range plan.Decisions {
		if math.IsNaN(d.Weight) || math.IsInf(d.Weight, 0) || d.Weight < 0 {
			t.Fatalf("step %d: %s has weight %v", step, d.Backend, d.Weight)
		}
		if d.Why == "" {
			t.Fatalf("step %d: %s has no reason", step, d.Backend)
		}
		was, known := before[d.Backend]
		same = same && known && serving(was) == serving(d)
		if !serving(d) {
			continue
		}
		if d.Weight < limits.Floor-1e-9 || d.Weight > limits.Ceiling+1e-9 {
			t.Fatalf("step %d: %s has weight %v outside %v..%v", step, d.Backend, d.Weight, limits.Floor, limits.Ceiling)
		}
		sum, count = sum+d.Weight, count+1
		beforeSum, beforeCount = beforeSum+was.Weight, beforeCount+1
	}
	if count > 0 && math.Abs(sum/count-1) > 1e-6 {
		t.Fatalf("step %d: mean weight %v", step, sum/count)
	}
	if !same {
		return
	}
	for _, d := range plan.Decisions {
		was := before[d.Backend].Weight * beforeCount / beforeSum
		if serving(d) && (d.Weight > was*(1+limits.Step)+1e-6 || d.Weight < was/(1+limits.Step)-1e-6) {
			t.Fatalf("step %d: %s moved from %v to %v", step, d.Backend, was, d.Weight)
		}
	}
}

func TestOrderOfReportsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		backends := equalBackends(4)
		newPool := func() *Pool {
			p, err := New(Config{Name: "p"})
			if err != nil {
				t.Fatal(err)
			}
			p.SetBackends(backends)
			return p
		}
		a, b := newPool(), newPool()
		now := start
		for range 15 {
			var reports []Report
			for _, backend := range backends {
				for _, origin := range []string{"haproxy:a", "haproxy:b"} {
					c := drawCounts(t, backend.Name)
					r := NewReport(backend.Name, origin, now)
					r.ByProxy, r.Interval, r.InFlight, r.RPS, r.EPS = true, time.Second, c.inFlight, c.completed, c.failed
					reports = append(reports, r)
				}
				own := NewReport(backend.Name, "orca", now)
				own.Utilization = rapid.Float64Range(0, 1).Draw(t, "utilization")
				reports = append(reports, own)
			}
			for _, r := range reports {
				a.Observe(r)
			}
			for _, i := range rapid.Permutation(indices(len(reports))).Draw(t, "order") {
				b.Observe(reports[i])
			}
			now = now.Add(time.Second)
			left, right := a.Step(now), b.Step(now)
			for i := range left.Decisions {
				l, r := left.Decisions[i], right.Decisions[i]
				if math.Abs(l.Weight-r.Weight) > 1e-9 || l.State != r.State {
					t.Fatalf("%s: %v %v against %v %v", l.Backend, l.State, l.Weight, r.State, r.Weight)
				}
			}
		}
	})
}

func indices(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func TestScaleOfCapacitiesDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scale := math.Exp2(float64(rapid.IntRange(-10, 10).Draw(t, "scale")))
		one, other := equalBackends(4), equalBackends(4)
		for i := range one {
			one[i].Capacity = rapid.Float64Range(0.5, 10).Draw(t, "capacity")
			other[i].Capacity = scale * one[i].Capacity
		}
		a, b := newRig(ignore{}, Config{}, one...), newRig(ignore{}, Config{}, other...)
		for range 20 {
			counts := map[string]seen{}
			for _, backend := range one {
				counts[backend.Name] = drawCounts(t, backend.Name)
			}
			left, right := a.step(counts), b.step(counts)
			for i := range left.Decisions {
				l, r := left.Decisions[i], right.Decisions[i]
				if math.Abs(l.Weight-r.Weight) > 1e-6 || l.State != r.State {
					t.Fatalf("%s: %v %v, scaled by %v: %v %v", l.Backend, l.State, l.Weight, scale, r.State, r.Weight)
				}
			}
		}
	})
}

func TestABetterBackendNeverGetsLess(t *testing.T) {
	// A backend with more to show also settles earlier, which may leave a
	// difference in the last digits; the finest step of a target is 1/256.
	const invisible = 1e-3
	rapid.Check(t, func(t *rapid.T) {
		r := newRig(ignore{}, Config{}, equalBackends(4)...)
		better := rapid.Float64Range(1, 3).Draw(t, "better")
		pace := math.Exp(rapid.Float64Range(-5, 0).Draw(t, "log pace"))
		for range 40 {
			counts := map[string]seen{}
			for _, name := range []string{"s1", "s2", "s3"} {
				c := seen{inFlight: rapid.Float64Range(0, 50).Draw(t, name+" in flight")}
				c.completed = c.inFlight / pace * rapid.Float64Range(0.5, 2).Draw(t, name+" luck")
				counts[name] = c
			}
			// s0 and s1 hold the same; s0 gets more done with it.
			c := counts["s1"]
			c.completed *= better
			counts["s0"] = c
			r.step(counts)
			if s0, s1 := r.decision("s0"), r.decision("s1"); s0.Weight < s1.Weight-invisible {
				t.Fatalf("s0 has %v (%s), s1 %v (%s)", s0.Weight, s0.Why, s1.Weight, s1.Why)
			}
		}
	})
}

// Where nobody serves, what somebody had before a restart is no share of anything.
func TestARestartWhileAllAreDown(t *testing.T) {
	all := equalBackends(1)
	all[0].Condition = Down
	r := newRig(t, Config{}, all...)
	r.pool.Recall(Memory{At: r.now, Backends: map[string]Remembered{"s0": {Weight: 1}}}, r.now)
	r.plan = r.pool.Step(r.now)
	all[0].Condition = Up
	r.pool.SetBackends(all)
	for range 5 {
		r.step(map[string]seen{"s0": {0, 0, 0, 0}})
		if w := r.decision("s0").Weight; !(w > 0) || math.IsInf(w, 0) {
			t.Fatalf("weight %v", w)
		}
	}
}
