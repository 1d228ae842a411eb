package advice

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/observation"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/scorer"
)

// playOf has these p99s, of three seeds each, for the candidates in their order.
func playOf(p *pool, g group, utilization float64, p99s ...[3]float64) Play {
	play := Play{Utilization: utilization, Variation: 1, Seeds: 3}
	for k, c := range p.candidates(g) {
		row := Row{Choice: c.choice(), candidate: c, InForce: k == 0 && !p.inForce(g).fixed, p99: []float64{500, 510, 520}, Mean: 20}
		if k < len(p99s) {
			row.p99 = p99s[k][:]
		}
		row.P99 = median(row.p99)
		if play.Rows = append(play.Rows, row); play.Rows[0].InForce {
			play.Rows[k].compare(play.Rows[0].p99)
		}
	}
	return play
}

func TestChoice(t *testing.T) {
	p := poolOf(seenPool(4, nil))
	g := groupsOf(p.doc)[0]
	// In this order: leastconn trimtab, leastconn equal, random(2) equal, random(2) trimtab, …
	now := [3]float64{100, 101, 102}
	for _, test := range []struct {
		name  string
		plays []Play
		want  Verdict
		says  []string
	}{
		{
			"nothing better",
			[]Play{playOf(p, g, 0.7, now)},
			Keep,
			[]string{"No change: leastconn with weights by trimtab fits", "gains nothing"},
		},
		{
			"noise",
			[]Play{playOf(p, g, 0.7, now, [3]float64{99, 98, 99})},
			Keep,
			[]string{"leastconn with equal weights, gains 2.9 % (1.0 % to 3.0 % over 3 seeds): below 5.0 %, which is noise"},
		},
		{
			"seeds that do not agree",
			[]Play{playOf(p, g, 0.7, now, [3]float64{60, 94, 103})},
			Keep,
			[]string{"gains 6.9 % (-1.0 % to 40 % over 3 seeds): below 20 %, which is noise"},
		},
		{
			"better",
			[]Play{playOf(p, g, 0.7, now, now, now, [3]float64{50, 51, 52})},
			Change,
			[]string{"Balance by random(2) with weights by trimtab: p99 is expected to be 50 % lower (49 % to 50 % over 3 seeds), 51 ms instead of 101 ms"},
		},
		{
			"as good with less change",
			[]Play{playOf(p, g, 0.7, now, [3]float64{52, 53, 54}, now, [3]float64{50, 51, 52})},
			Change,
			[]string{"Balance by leastconn with equal weights", "as the servers are alike"},
		},
		{
			"better at all utilizations",
			[]Play{
				playOf(p, g, 0.5, now, now, now, now),
				playOf(p, g, 0.7, now, now, now, [3]float64{80, 81, 82}),
				playOf(p, g, 0.85, now, now, now, [3]float64{50, 51, 52}),
			},
			Change,
			[]string{"20 % lower", "or 0.0 % to 50 % at utilizations of 50 to 85 %"},
		},
		{
			"worse at one utilization",
			[]Play{
				playOf(p, g, 0.5, now, now, now, [3]float64{110, 111, 112}),
				playOf(p, g, 0.7, now, now, now, [3]float64{80, 81, 82}),
				playOf(p, g, 0.85, now, now, now, [3]float64{50, 51, 52}),
			},
			Keep,
			[]string{"would gain 20 %", "not at all utilizations"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			part := Part{InForce: p.inForce(g).choice(), Plays: test.plays}
			p.choose(g, &part)
			if part.Verdict != test.want || part.Choice == nil || test.want == Change && len(part.Apply) == 0 {
				t.Errorf("%s, %+v, apply %v, want %s", part.Verdict, part.Choice, part.Apply, test.want)
			}
			for _, says := range test.says {
				if !strings.Contains(part.Says, says) {
					t.Errorf("says %q, want %q", part.Says, says)
				}
			}
		})
	}
}

func TestWhatIgnoresWeightsIsNotCompared(t *testing.T) {
	d := seenPool(4, func(d *observation.Document) {
		d.Targets[0].Algorithm, d.Law = scorer.FixedWeights, scorer.LawStatic
	})
	p := poolOf(d)
	g := groupsOf(d)[0]
	part := Part{InForce: p.inForce(g).choice(), Plays: []Play{playOf(p, g, 0.7, [3]float64{90, 91, 92})}}
	p.choose(g, &part)
	if part.Verdict != Change || part.Choice.Algorithm != "leastconn" || !strings.Contains(part.Says, "the gain is not known") || !strings.Contains(part.Says, "keep clients at their server") {
		t.Errorf("%+v", part)
	}
}

// told is what each data plane can be told, in its own words.
func told(g group) *regexp.Regexp {
	switch g.plane {
	case observation.PlaneHAProxy, observation.PlaneAgentCheck:
		return regexp.MustCompile(`^(leastconn|random\(2\)|roundrobin)$`)
	case observation.PlaneGRPC:
		return regexp.MustCompile(`^weighted round robin$`)
	case observation.PlaneEnvoy:
		if g.first.Served {
			return regexp.MustCompile(`^(least_request( bias [0-9.]+)?|round_robin)$`)
		}
		return regexp.MustCompile(`^(least_request( FULL_SCAN| choice_count 5)?( bias [0-9.]+)?|round_robin)$`)
	}
	return nil
}

func drawTarget(t *rapid.T) observation.Target {
	planes := map[observation.Plane][]scorer.Algorithm{
		observation.PlaneHAProxy:    {scorer.LeastConnections, scorer.Random, scorer.RoundRobin, scorer.FixedWeights, scorer.AlgorithmUnknown},
		observation.PlaneAgentCheck: {scorer.LeastConnections, scorer.Random, scorer.RoundRobin},
		observation.PlaneEnvoy:      {scorer.LeastRequest, scorer.RoundRobin, scorer.FixedWeights},
		observation.PlaneGRPC:       {scorer.RoundRobin},
	}
	plane := rapid.SampledFrom([]observation.Plane{observation.PlaneHAProxy, observation.PlaneAgentCheck, observation.PlaneEnvoy, observation.PlaneGRPC}).Draw(t, "plane")
	target := observation.Target{
		Name: string(plane) + ":x", Plane: plane, Bias: status.Unknown(), Backend: "web", Cluster: "web",
		Algorithm: rapid.SampledFrom(planes[plane]).Draw(t, "algorithm"),
	}
	if plane == observation.PlaneEnvoy {
		target.Bias = status.Number(rapid.SampledFrom([]float64{0, 0.5, 1, 2}).Draw(t, "bias"))
		target.Served = rapid.Bool().Draw(t, "served")
	}
	return target
}

// Whatever is seen and whatever the simulation shows, advice names only what the data
// plane can be told, and says how wherever something changes.
func TestAdviceNamesOnlyWhatCanBeTold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := seenPool(rapid.IntRange(2, 5).Draw(t, "servers"), func(d *observation.Document) {
			d.Targets = []observation.Target{drawTarget(t)}
			d.Kind = rapid.SampledFrom([]scorer.Kind{scorer.KindRequests, scorer.KindConnections, scorer.KindAuto}).Draw(t, "kind")
			d.Law = rapid.SampledFrom([]string{scorer.LawCapacity, scorer.LawStatic, scorer.LawA58}).Draw(t, "law")
			d.LawConfigured = rapid.SampledFrom([]string{scorer.LawAuto, d.Law}).Draw(t, "configured")
			d.Mode = rapid.SampledFrom([]string{"active", "dry-run", "frozen"}).Draw(t, "mode")
			d.Apply = d.Mode != "dry-run"
			d.Proxies = rapid.IntRange(0, 30).Draw(t, "proxies")
			learned := rapid.Bool().Draw(t, "learned")
			for i := range d.Backends {
				b := &d.Backends[i]
				b.RPS = status.Number(rapid.Float64Range(0, 500).Draw(t, "rps"))
				b.InFlight = status.Number(rapid.Float64Range(0, 10).Draw(t, "in flight"))
				b.Capacity = status.Number(rapid.Float64Range(0.1, 8).Draw(t, "capacity"))
				b.Applied = map[string]int{d.Targets[0].Name: rapid.IntRange(1, 256).Draw(t, "applied")}
				if !learned {
					b.Capacity = status.Unknown()
				}
			}
		})
		p := poolOf(d)
		g := groupsOf(d)[0]
		can := told(g)
		part := Part{InForce: p.inForce(g).choice()}
		if r := p.refuse(g); r != nil {
			part.Verdict, part.Choice, part.Says, part.Apply = r.verdict, r.choice, r.says, r.apply
		} else {
			var plays []Play
			for _, u := range []float64{0.5, 0.7, 0.85} {
				var p99s [][3]float64
				for range p.candidates(g) {
					p99s = append(p99s, [3]float64{
						rapid.Float64Range(1, 1000).Draw(t, "p99"), rapid.Float64Range(1, 1000).Draw(t, "p99"), rapid.Float64Range(1, 1000).Draw(t, "p99"),
					})
				}
				plays = append(plays, playOf(p, g, u, p99s...))
			}
			part.Plays = plays[rapid.IntRange(0, 2).Draw(t, "first"):]
			p.choose(g, &part)
			for _, row := range part.Plays[0].Rows {
				if !can.MatchString(row.Algorithm) {
					t.Errorf("%s %s is among the candidates", g.plane, row.Algorithm)
				}
			}
		}
		if part.Says == "" || part.Verdict == "" {
			t.Errorf("says nothing: %+v", part)
		}
		if part.Choice == nil {
			return
		}
		if !can.MatchString(part.Choice.Algorithm) && *part.Choice != part.InForce {
			t.Errorf("%s is told to balance by %s", g.plane, part.Choice.Algorithm)
		}
		apply := strings.Join(part.Apply, "\n")
		if part.Verdict == Change && apply == "" {
			t.Errorf("%+v instead of %+v: and how?", part.Choice, part.InForce)
		}
		if strings.Contains(apply, "load_balancing_policy") && (g.first.Served || g.plane != observation.PlaneEnvoy) {
			t.Errorf("trimtab serves nothing like %s", apply)
		}
		if strings.Contains(apply, "haproxy policy") && !g.haproxy() {
			t.Errorf("%s is told %s", g.plane, apply)
		}
	})
}

func TestHowToApply(t *testing.T) {
	envoyTarget := observation.Target{Name: "envoy:web", Plane: observation.PlaneEnvoy, Algorithm: scorer.LeastRequest, Cluster: "edge", Bias: 1}
	served := envoyTarget
	served.Served = true
	robin := scenario.Proxy{Kind: scenario.Envoy, Balance: scenario.RoundRobin, Workers: 2}
	bias := 2.0
	steep := scenario.Proxy{Kind: scenario.Envoy, Balance: scenario.LeastRequest, ChoiceCount: 2, Bias: &bias, Workers: 2}
	scan := scenario.Proxy{Kind: scenario.Envoy, Balance: scenario.LeastRequest, FullScan: true, Bias: new(1.0), Workers: 2}
	random := scenario.Proxy{Kind: scenario.HAProxy, Balance: scenario.RandomTwo}
	least := scenario.Proxy{Kind: scenario.HAProxy, Balance: scenario.Leastconn}
	for _, test := range []struct {
		name string
		edit func(*observation.Document)
		to   candidate
		want []string
	}{
		{
			"HAProxy", nil,
			candidate{proxy: random, weights: byTrimtab},
			[]string{"trimtab haproxy policy --config-file /etc/haproxy/haproxy.cfg --backend web 'random(2)' --reload --reload-command 'systemctl reload haproxy'"},
		},
		{
			"HAProxy with a master socket", func(d *observation.Document) {
				d.Targets[0].ConfigFile, d.Targets[0].MasterSocket, d.Targets[0].Backend = "/etc/ha proxy.cfg", "/run/master.sock", "it's"
			},
			candidate{proxy: random, weights: byTrimtab},
			[]string{`trimtab haproxy policy --config-file '/etc/ha proxy.cfg' --backend 'it'\''s' 'random(2)' --reload --master-socket /run/master.sock`},
		},
		{
			"dry run by the configuration", func(d *observation.Document) { d.Mode, d.Apply = "dry-run", false },
			candidate{proxy: least, weights: byTrimtab},
			[]string{"in trimtab's configuration, for the pool: apply: true"},
		},
		{
			"dry run and freeze by order", func(d *observation.Document) {
				d.Mode, d.Orders = "frozen", scorer.Orders{Frozen: &scorer.Order{}, DryRun: &scorer.Switch{On: true}}
			}, candidate{proxy: least, weights: byTrimtab}, []string{"trimtab unfreeze web", "trimtab dry-run web off"},
		},
		{
			"another law", func(d *observation.Document) { d.Law, d.LawConfigured = scorer.LawA58, scorer.LawA58 },
			candidate{proxy: least, weights: byTrimtab},
			[]string{"in trimtab's configuration, for the pool: law: auto"},
		},
		{
			"equal weights", nil,
			candidate{proxy: least, weights: equal},
			[]string{"in trimtab's configuration, for the pool: law: static, and the same capacity for all backends"},
		},
		{
			"Envoy", func(d *observation.Document) { d.Targets[0] = envoyTarget },
			candidate{proxy: robin, weights: byTrimtab},
			[]string{
				"in trimtab's configuration, for the envoy target of cluster edge: policy: round_robin",
				"where Envoy's own configuration has the cluster, there as well: trimtab envoy cluster --pool web --config trimtab.yaml",
			},
		},
		{
			"Envoy that has its cluster from trimtab", func(d *observation.Document) { d.Targets[0] = served },
			candidate{proxy: steep, weights: byTrimtab},
			[]string{"in trimtab's configuration, for the envoy target of cluster edge: policy: least_request, bias: 2"},
		},
		{
			"Envoy's full scan", func(d *observation.Document) { d.Targets[0] = envoyTarget },
			candidate{proxy: scan, weights: byTrimtab},
			[]string{
				"in trimtab's configuration, for the envoy target of cluster edge: policy: least_request, bias: 1",
				"where Envoy's own configuration has the cluster, there as well: trimtab envoy cluster --pool web --config trimtab.yaml",
				`with load_balancing_policy: {policies: [{typed_extension_config: {name: envoy.load_balancing_policies.least_request, typed_config: {"@type": type.googleapis.com/envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest, selection_method: FULL_SCAN}}}]}`,
			},
		},
		{
			"agent-check", func(d *observation.Document) { d.Targets[0].Plane = observation.PlaneAgentCheck },
			candidate{proxy: random, weights: byTrimtab},
			[]string{
				"on each HAProxy: trimtab haproxy policy --config-file /etc/haproxy/haproxy.cfg --backend web 'random(2)' --reload --reload-command 'systemctl reload haproxy'",
				"in trimtab's configuration, for the agent_check target: algorithm: random(2)",
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := seenPool(3, test.edit)
			p := poolOf(d)
			g := groupsOf(d)[0]
			test.to.plane = g.plane
			if got := p.apply(g, test.to); fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// Response times of what overloads a server mean nothing, however low they are.
func TestNothingThatOverloadsIsAdvised(t *testing.T) {
	now := [3]float64{100, 101, 102}
	for name, test := range map[string]struct {
		algorithm scorer.Algorithm
		overloads []int
		p99s      [][3]float64
		want      Verdict
		says      string
	}{
		"the quickest does": {
			scorer.LeastConnections,
			[]int{1},
			[][3]float64{now, {50, 51, 52}, {80, 81, 82}},
			Change, "Balance by random(2) with equal weights",
		},
		"what is in force does, and what gains": {
			scorer.LeastConnections,
			[]int{0, 1},
			[][3]float64{now, {50, 51, 52}},
			Keep,
			"No change: leastconn with weights by trimtab overloads a server by what was simulated, and nothing else is clearly better; the nearest other, random(2)",
		},
		"the quickest does, and what is in force is not simulated": {
			scorer.FixedWeights,
			[]int{0},
			[][3]float64{{50, 51, 52}, {80, 81, 82}},
			Change, "Balance by leastconn with weights by trimtab",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := poolOf(seenPool(4, func(d *observation.Document) { d.Targets[0].Algorithm = test.algorithm }))
			g := groupsOf(p.doc)[0]
			play := playOf(p, g, 0.7, test.p99s...)
			for _, k := range test.overloads {
				play.Rows[k].Overloads = true
			}
			part := Part{InForce: p.inForce(g).choice(), Plays: []Play{play}}
			if p.choose(g, &part); part.Verdict != test.want || !strings.HasPrefix(part.Says, test.says) {
				t.Errorf("%s: %q, want %s: %q", part.Verdict, part.Says, test.want, test.says)
			}
		})
	}
}

// Weights that no target knows are the configured capacities, which have a scale of
// their own.
func TestWeightsThatNobodyKnows(t *testing.T) {
	p := poolOf(seenPool(4, func(d *observation.Document) {
		d.Law = scorer.LawStatic
		for i := range d.Backends {
			d.Backends[i].Configured = 8
		}
		d.Backends[3].WeightNow = status.Unknown()
	}))
	for i := range p.servers {
		if s := &p.servers[i]; s.weight != 1 || s.configured != 1 {
			t.Errorf("%s: weight %v, configured %v, all are alike", s.name, s.weight, s.configured)
		}
	}
}
