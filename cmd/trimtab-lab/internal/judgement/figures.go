package judgement

import (
	"fmt"
	"math"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
)

// Figure is what is asked of trimtab, and what it reached.
type Figure struct {
	What string
	// Asked is the most that is wanted, Measured what came out; NaN where
	// nothing is asked, or nothing was measured.
	Asked, Measured float64
	// Unit is x for ratios, and % or s for shares and seconds.
	Unit string
	// Where is the scenario that Measured is of, empty for a median.
	Where string
}

// Met is that a figure is as good as asked, as far as it is known.
func (f Figure) Met() bool {
	return math.IsNaN(f.Asked) || math.IsNaN(f.Measured) || f.Measured <= f.Asked
}

// Behind are the proxies that figures ask for besides the scenarios' own.
func Behind() []scenario.Proxy {
	return []scenario.Proxy{
		{Kind: scenario.HAProxy, Balance: scenario.Leastconn},
		{Kind: scenario.HAProxy, Balance: scenario.RandomTwo},
		{Kind: scenario.Envoy, Balance: scenario.LeastRequest},
		{Kind: scenario.HAProxy, Balance: scenario.Roundrobin},
		{Kind: scenario.Envoy, Balance: scenario.RoundRobin},
	}
}

// Figures returns all that is asked, in a fixed order.
func Figures(entries []Entry) []Figure {
	var out []Figure
	worst := func(what string, asked float64, unit string, all []measured) {
		f := Figure{What: what, Asked: asked, Unit: unit, Measured: math.NaN()}
		if len(all) > 0 {
			w := worstFirst(all)[0]
			f.Measured, f.Where = w.value, w.where
		}
		out = append(out, f)
	}
	middle := func(what string, asked float64, all []measured) {
		f := Figure{What: what, Asked: asked, Unit: "x", Measured: math.NaN()}
		if len(all) > 0 {
			f.Measured = medianOf(all)
		}
		out = append(out, f)
	}
	unasked := math.NaN()
	for _, group := range groups() {
		with := regrets(where(entries, group.of, usual, reported), scenario.PolicyTrimtab)
		without := regrets(where(entries, group.of, usual), scenario.PolicyTrimtabNoReports)
		worst("regret with reports, "+group.name+": worst", 1.05, "x", with)
		middle("regret with reports, "+group.name+": median", 1, with)
		worst("regret without reports, "+group.name+": worst", 1.08, "x", without)
		middle("regret without reports, "+group.name+": median", 1.01, without)
	}
	connections := where(entries, own, (*Entry).connections)
	worst("regret of connections (imbalance), with reports: worst", unasked, "x", regrets(connections, scenario.PolicyTrimtab))
	worst("reports later than the disturbance: p99 ÷ equal weights'", 1.05, "x", against(where(entries, own, late), scenario.PolicyEqual))
	worst("while a backend is out or cold: p99 ÷ truth's", 1.05, "x", against(where(entries, own, outOrCold), scenario.PolicyTruth))
	worst("first minute with nothing learned, light tails", 1.10, "x", regrets(where(entries, own, named(firstLight)), scenario.PolicyTrimtab))
	worst("first minute with nothing learned, heavy tails", 1.25, "x", regrets(where(entries, own, named(firstHeavy)), scenario.PolicyTrimtab))
	worst("minutes 2 to 5", 1.05, "x", regrets(where(entries, later), scenario.PolicyTrimtab))
	truthful := regrets(where(entries, roundRobin, usual, honest), scenario.PolicyTrimtab)
	middle("round robin, honest reports: median", 1.02, truthful)
	worst("round robin, honest reports: worst", 1.10, "x", truthful)
	worst("round robin, lying reports, configured by default: worst", 1.20, "x",
		regrets(where(entries, roundRobin, usual, reported, not(honest)), scenario.PolicyTrimtab))
	worst("p99 ÷ best of equal, agent-check and a58 with like errors", 1.05, "x", best(where(entries, own, not((*Entry).connections))))
	worst("errors with a backend that fails fast, its first 3 s included", 1, "%", failures(where(entries, own, failsFast)))
	steady := where(entries, own, not((*Entry).changes), not((*Entry).connections), usual)
	worst("weight changes in a steady pool per backend and minute, with reports", 1, "/min", changesOf(where(steady, reported), scenario.PolicyTrimtab))
	worst("weight changes in a steady pool per backend and minute, without", 1, "/min", changesOf(steady, scenario.PolicyTrimtabNoReports))
	worst("convergence after a halved capacity, with reports", 20, "s", convergence(where(entries, own, halved)))
	return out
}

// ProxyName is how a proxy is called that has nothing unusual.
func ProxyName(p scenario.Proxy) string { return string(p.Kind) + "/" + string(p.Balance) }

type group struct {
	name string
	of   func(*Entry) bool
}

// groups are the entries behind each proxy that looks at what is in flight.
func groups() []group {
	out := []group{
		{"scenarios' own proxies", func(e *Entry) bool { return own(e) && !drawn(e) && !roundRobin(e) }},
		{"drawn at random", func(e *Entry) bool { return own(e) && drawn(e) && !roundRobin(e) }},
	}
	for _, p := range Behind()[:3] {
		name := ProxyName(p)
		out = append(out, group{name, func(e *Entry) bool { return behind(name)(e) && !drawn(e) }})
	}
	return out
}

// WorstOf are the worst regrets of a policy behind each proxy.
type WorstOf struct {
	Behind string
	Policy scenario.Policy
	Worst  []string
}

// Worst lists where trimtab's regret is largest, with reports and without.
func Worst(entries []Entry, count int) []WorstOf {
	all := append(groups(), group{"round robin", func(e *Entry) bool { return roundRobin(e) && !drawn(e) }})
	var out []WorstOf
	for _, g := range all {
		for _, p := range []scenario.Policy{scenario.PolicyTrimtab, scenario.PolicyTrimtabNoReports} {
			w := WorstOf{Behind: g.name, Policy: p}
			for i, m := range worstFirst(regrets(where(entries, g.of), p)) {
				if i < count {
					w.Worst = append(w.Worst, fmt.Sprintf("%s %s", m.where, Ratio(m.value)))
				}
			}
			if len(w.Worst) > 0 {
				out = append(out, w)
			}
		}
	}
	return out
}
