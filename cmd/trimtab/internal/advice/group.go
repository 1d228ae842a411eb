package advice

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/observation"
	"github.com/trimtab-lb/trimtab/scorer"
)

// group is targets of one kind that balance alike.
type group struct {
	plane     observation.Plane
	algorithm scorer.Algorithm
	targets   []string
	// first stands for all of them where it is about what can be told.
	first observation.Target
}

func groupsOf(d observation.Document) []group {
	var out []group
	for _, t := range d.Targets {
		i := slices.IndexFunc(out, func(g group) bool {
			return g.plane == t.Plane && g.algorithm == t.Algorithm && g.first.Served == t.Served && sameBias(g.first, t)
		})
		if i < 0 {
			i = len(out)
			out = append(out, group{plane: t.Plane, algorithm: t.Algorithm, first: t})
		}
		out[i].targets = append(out[i].targets, t.Name)
	}
	return out
}

func sameBias(a, b observation.Target) bool {
	return a.Bias == b.Bias || !a.Bias.Known() && !b.Bias.Known()
}

func (g *group) haproxy() bool {
	return g.plane == observation.PlaneHAProxy || g.plane == observation.PlaneAgentCheck
}

// workers is how many threads balance on their own. A gRPC client is one; how many an
// Envoy has it does not say.
func (g *group) workers() int {
	if g.plane == observation.PlaneGRPC {
		return 1
	}
	return 2
}

// now is the proxy as it balances. It is false where that is not simulated: by an
// algorithm that ignores weights.
func (g *group) now() (scenario.Proxy, bool) {
	if g.algorithm == scorer.FixedWeights {
		return scenario.Proxy{}, false
	}
	if g.haproxy() {
		balance := scenario.Leastconn
		switch g.algorithm {
		case scorer.Random:
			balance = scenario.RandomTwo
		case scorer.RoundRobin:
			balance = scenario.Roundrobin
		}
		return scenario.Proxy{Kind: scenario.HAProxy, Balance: balance}, true
	}
	if g.plane == observation.PlaneGRPC || g.algorithm == scorer.RoundRobin {
		return g.envoy(scenario.RoundRobin), true
	}
	out := g.envoy(scenario.LeastRequest)
	if g.first.Bias.Known() {
		bias := float64(g.first.Bias)
		out.Bias = &bias
	}
	return out, true
}

func (g *group) envoy(b scenario.Balance) scenario.Proxy {
	p := scenario.Proxy{Kind: scenario.Envoy, Balance: b, Workers: g.workers()}
	if b == scenario.LeastRequest {
		bias := 1.0
		p.ChoiceCount, p.Bias = 2, &bias
	}
	return p
}

const (
	// manyChoices is a choice_count that comes close to comparing all of a small pool.
	manyChoices = 5
	// steepBias has Envoy's least_request answer to requests in flight twice as
	// steeply as it does by default.
	steepBias = 2
)

// proxies are all ways of balancing that the data plane can be told, the one in force
// first.
func (g *group) proxies() []scenario.Proxy {
	var out []scenario.Proxy
	if now, ok := g.now(); ok {
		out = append(out, now)
	}
	for _, p := range g.known() {
		if !slices.ContainsFunc(out, func(o scenario.Proxy) bool { return algorithmOf(g.plane, o) == algorithmOf(g.plane, p) }) {
			out = append(out, p)
		}
	}
	return out
}

func (g *group) known() []scenario.Proxy {
	switch {
	case g.haproxy():
		return []scenario.Proxy{
			{Kind: scenario.HAProxy, Balance: scenario.Leastconn},
			{Kind: scenario.HAProxy, Balance: scenario.RandomTwo},
			{Kind: scenario.HAProxy, Balance: scenario.Roundrobin},
		}
	case g.plane == observation.PlaneGRPC:
		return []scenario.Proxy{g.envoy(scenario.RoundRobin)} // its clients know nothing else
	}
	standard, steep := g.envoy(scenario.LeastRequest), g.envoy(scenario.LeastRequest)
	*steep.Bias = steepBias
	out := []scenario.Proxy{standard, steep, g.envoy(scenario.RoundRobin)}
	if g.first.Served {
		return out // trimtab serves no other
	}
	more, full := g.envoy(scenario.LeastRequest), g.envoy(scenario.LeastRequest)
	more.ChoiceCount = manyChoices
	full.ChoiceCount, full.FullScan = 0, true
	return append(out, more, full)
}

// algorithmOf is what a data plane's own configuration calls it.
func algorithmOf(plane observation.Plane, p scenario.Proxy) string {
	if plane == observation.PlaneGRPC {
		return "weighted round robin"
	}
	words := []string{string(p.Balance)}
	if p.FullScan {
		words = append(words, "FULL_SCAN")
	}
	if p.ChoiceCount > 2 {
		words = append(words, fmt.Sprintf("choice_count %d", p.ChoiceCount))
	}
	if p.Bias != nil && *p.Bias != 1 {
		words = append(words, fmt.Sprintf("bias %g", *p.Bias))
	}
	return strings.Join(words, " ")
}
