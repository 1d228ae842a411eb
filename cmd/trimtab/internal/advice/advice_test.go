package advice

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/trimtab-lb/trimtab/cmd/internal/compile"
	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/observation"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/scorer"
)

// What is advised of a pool that was only looked at is what is best in the pool that is
// really there, and gains there about as much.
func TestMeasuredAdviceIsRightOfWhatIsReallyThere(t *testing.T) {
	for _, test := range []struct {
		name, text string
		configured observation.Configured
		verdict    Verdict
		choice     Choice
		says       string
	}{
		{
			"too little in flight for leastconn", "proxies: 16" + unequal, haproxy(),
			Change,
			Choice{"random(2)", "trimtab"},
			"finds an idle server nearly always",
		},
		{
			"a good choice already", unequal, haproxy(),
			Keep,
			Choice{"leastconn", "trimtab"},
			"No change",
		},
		{
			"nothing reported", "proxies: 8\nreports: none" + unequal, haproxy(),
			Change,
			Choice{"random(2)", "trimtab"},
			"at utilizations of 50 to 85 %",
		},
		{
			"round robin is enough", "proxy: {balance: roundrobin}" + alike, haproxy(),
			Keep,
			Choice{"roundrobin", "trimtab"},
			"Round robin is enough",
		},
		{
			"round robin is not", "proxy: {balance: roundrobin}" + video, haproxy(),
			Change,
			Choice{"leastconn", "trimtab"},
			"round robin looks at nothing that is in flight",
		},
		{
			"Envoy by round robin", "proxy: {kind: envoy, balance: round_robin}" + small, envoy(),
			Change,
			Choice{"least_request FULL_SCAN", "trimtab"},
			"round robin looks at nothing that is in flight",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := truth(t, test.text)
			d := seenOf(t, f, test.configured)
			a, err := For(t.Context(), d, Options{Seeds: 2})
			if err != nil {
				t.Fatal(err)
			}
			part := a.Parts[0]
			t.Logf("%s\n%s", part.Says, strings.Join(part.Assumptions, "\n"))
			if part.Verdict != test.verdict || *part.Choice != test.choice || !strings.Contains(part.Says, test.says) {
				t.Errorf("%s %+v: %s", part.Verdict, *part.Choice, part.Says)
			}
			if part.Verdict == Change {
				expected := *rowOf(t, part, test.choice).Gain
				if real := reallyGains(t, f, rowOf(t, part, test.choice).candidate); real < leastGain || expected-real > 0.15 {
					t.Errorf("%.0f %% are expected, and really it is %.0f %%", 100*expected, 100*real)
				} else {
					t.Logf("%.0f %% are expected, and really it is %.0f %%", 100*expected, 100*real)
				}
			}
			again, err := scenario.Marshal(*a.Scenario)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := scenario.Parse("again", again); err != nil {
				t.Errorf("the scenario is none: %v\n%s", err, again)
			}
		})
	}
}

func rowOf(t *testing.T, part Part, c Choice) *Row {
	t.Helper()
	for i := range part.Plays[len(part.Plays)/2].Rows {
		if r := &part.Plays[len(part.Plays)/2].Rows[i]; r.Choice == c {
			return r
		}
	}
	t.Fatalf("%+v is no candidate", c)
	return nil
}

// reallyGains is by what a candidate lowers p99 in a scenario.
func reallyGains(t *testing.T, f scenario.File, c candidate) float64 {
	t.Helper()
	var p99 []float64
	for _, proxy := range []scenario.Proxy{f.Proxy, c.proxy} {
		s := compile.Scenario(f)
		r, err := simulate.One(t.Context(), &s, compile.Proxy(proxy), 7, simulate.Trimtab().Policy())
		if err != nil {
			t.Fatal(err)
		}
		p99 = append(p99, r.P99.Seconds())
	}
	return 1 - p99[1]/p99[0]
}

// Servers that nobody tells apart are told apart by what they are; those of a pool
// that trimtab only watches have the weights that are there.
func TestWeightsAreAdvised(t *testing.T) {
	d := seenPool(4, func(d *observation.Document) {
		d.Mode, d.Apply = "dry-run", false
		d.ByCounts.Requests = 0
		for i, capacity := range []float64{2, 2, 1, 0.5} {
			b := &d.Backends[i]
			b.Capacity = status.Number(capacity)
			b.Utilization = status.Number(min(0.35/(capacity/4), 0.95))
			b.InFlight, b.RPS = status.Number([]float64{2.6, 2.6, 3.2, 6}[i]), status.Number([]float64{130, 130, 125, 100}[i])
		}
	})
	a, err := For(t.Context(), d, Options{Seeds: 2})
	if err != nil {
		t.Fatal(err)
	}
	part := a.Parts[0]
	if part.InForce.Weights != "equal" || part.Verdict != Change || part.Choice.Weights != "trimtab" || !strings.Contains(strings.Join(part.Apply, "\n"), "apply: true") {
		t.Errorf("%+v %+v %s %v", part.InForce, part.Choice, part.Says, part.Apply)
	}
}

func TestEachKindOfDataPlaneIsAdvised(t *testing.T) {
	d := seenPool(3, func(d *observation.Document) {
		d.ByCounts.Requests = 0
		d.Targets = append(d.Targets,
			observation.Target{Name: "haproxy:/t", Plane: observation.PlaneHAProxy, Algorithm: scorer.LeastConnections, Bias: status.Unknown()},
			observation.Target{Name: "grpc:web", Plane: observation.PlaneGRPC, Algorithm: scorer.RoundRobin, Bias: status.Unknown()},
		)
	})
	a, err := For(t.Context(), d, Options{Seeds: 1, Utilization: 0.5})
	if err != nil || len(a.Parts) != 2 || len(a.Parts[0].Targets) != 2 || a.Parts[1].Plane != observation.PlaneGRPC {
		t.Fatalf("%+v %v", a, err)
	}
	for _, part := range a.Parts {
		if !strings.Contains(strings.Join(part.Assumptions, "\n"), "all traffic goes through proxies like these") {
			t.Errorf("%v", part.Assumptions)
		}
	}
}

func TestALargePoolIsSimulatedInPart(t *testing.T) {
	d := seenPool(2, func(d *observation.Document) {
		d.ByCounts.Requests, d.Proxies = 0, 400
		one := d.Backends
		d.Backends = nil
		for i := range 300 {
			b := one[i%2]
			b.Name = "s" + strings.Repeat("x", i)
			d.Backends = append(d.Backends, b)
		}
		for i := range d.Backends {
			d.Backends[i].Capacity = status.Number(1 + i%3)
			d.Backends[i].InFlight = 400
			d.Backends[i].RPS = 20_000
		}
	})
	p := poolOf(d)
	g := groupsOf(d)[0]
	m := model{utilization: 0.7, cores: 84_000, variation: 1, strengths: p.strengths(0.7)}
	f, slower := p.played(g, m)
	if len(f.Backends) != mostServers || f.Proxies != mostProxies || !near(float64(f.Traffic[0].Requests.Rate), playedRate, 1e-9) || slower < 100 {
		t.Errorf("%d servers, %d proxies, %v a second, %.0f times slower", len(f.Backends), f.Proxies, f.Traffic[0].Requests.Rate, slower)
	}
	// As busy as the whole.
	work := float64(f.Traffic[0].Requests.Rate) * f.Traffic[0].Requests.Demand.Mean().Seconds()
	if u := work / f.Nominal(); !near(u, 0.7, 0.01) {
		t.Errorf("the part is %.0f %% busy, want 70", 100*u)
	}
	if says := strings.Join(p.assumptions(g, []model{m}), "\n"); !strings.Contains(says, "simulated were 50 servers of 300 and 50 proxies of 400") {
		t.Error(says)
	}
}

func TestIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := For(ctx, seenPool(3, nil), Options{Seeds: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// written is advice as it may come out.
func written() Advice {
	p := poolOf(seenPool(4, func(d *observation.Document) { d.Proxies = 4; d.Backends[3].State = "ejected" }))
	g := groupsOf(p.doc)[0]
	now := [3]float64{100, 101, 102}
	var models []model
	for _, u := range utilizations() {
		models = append(models, model{utilization: u, assumed: true, cores: 9 / u, variation: 1, guessed: true})
	}
	part := Part{
		Plane: g.plane, Targets: g.targets, InForce: p.inForce(g).choice(), NotKnown: p.notKnown(g), Assumptions: p.assumptions(g, withStrengths(models)),
		Plays: []Play{
			playOf(p, g, 0.5, now, now, now, now),
			playOf(p, g, 0.7, now, now, now, [3]float64{80, 81, 82}),
			playOf(p, g, 0.85, now, now, now, [3]float64{50, 51, 52}),
		},
	}
	for i := range part.Plays {
		part.Plays[i].Assumed, part.Plays[i].Cores, part.Plays[i].DemandMS = true, 12, 15
		part.Plays[i].Rows[4].Overloads = true
	}
	p.choose(g, &part)
	blind := Part{Plane: observation.PlaneGRPC, Targets: []string{"grpc:web\x1b[31m"}, InForce: Choice{"weighted round robin", "trimtab"}, Apply: []string{}, Assumptions: []string{}, NotKnown: []string{}, Plays: []Play{}}
	r := p.held(group{plane: observation.PlaneGRPC})
	blind.Verdict, blind.Says = r.verdict, r.says
	return Advice{Version: Version, Pool: "web", Seen: p.seen(), Parts: []Part{part, blind}}
}

func withStrengths(models []model) []model {
	for i := range models {
		models[i].strengths = []float64{1, 1, 1}
	}
	return models
}

func TestContract(t *testing.T) {
	a := written()
	got, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "advice.json", append(got, '\n'))
}

func TestTable(t *testing.T) {
	a := written()
	for name, width := range map[string]int{"advice-wide.txt": 0, "advice-100.txt": 100} {
		var out bytes.Buffer
		if err := a.WriteTable(&out, width); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "\x1b") {
			t.Error("another program's escape sequence reaches the terminal")
		}
		golden(t, name, out.Bytes())
	}
	if err := a.WriteTable(failing{}, 0); err == nil {
		t.Error("a writer's failure is hidden")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("no") }
