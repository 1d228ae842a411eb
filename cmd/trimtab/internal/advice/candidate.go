package advice

import (
	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/observation"
	"github.com/trimtab-lb/trimtab/scorer"
)

// weighting is where weights come from: a law's name, or one of these.
type weighting string

const (
	asNow        weighting = "as now"
	asConfigured weighting = "configured"
	equal        weighting = "equal"
	byTrimtab    weighting = "trimtab"
)

// equalApart is by how much weights differ that are equal but for rounding.
const equalApart = 1.02

// candidate is a way of balancing that can be simulated.
type candidate struct {
	plane   observation.Plane
	proxy   scenario.Proxy
	weights weighting
	// fixed is an algorithm in force that is not simulated.
	fixed bool
}

func (c candidate) choice() Choice {
	algorithm := "one that ignores weights"
	if !c.fixed {
		algorithm = algorithmOf(c.plane, c.proxy)
	}
	return Choice{Algorithm: algorithm, Weights: string(c.weights)}
}

func (c candidate) same(other candidate) bool { return c.choice() == other.choice() }

// inForce is how a group balances now.
func (p *pool) inForce(g group) candidate {
	proxy, ok := g.now()
	c := candidate{plane: g.plane, proxy: proxy, weights: p.weightsNow(g), fixed: !ok}
	if p.learns && ok {
		c.weights = byTrimtab
		if p.foreign() {
			c.weights = weighting(p.doc.LawConfigured)
		}
	}
	return c
}

// weightsNow is what weights are without trimtab.
func (p *pool) weightsNow(g group) weighting {
	if p.apart(func(s *server) float64 { return p.weightAt(g, s) }) < equalApart {
		return equal
	}
	if p.learns {
		return asConfigured
	}
	return asNow
}

// foreign is that the pool has a law of another system.
func (p *pool) foreign() bool {
	switch p.doc.LawConfigured {
	case scorer.LawAuto, scorer.LawCapacity, scorer.LawStatic, "":
		return false
	default:
		return true
	}
}

// candidates are all that is played, what is in force first if it can be.
func (p *pool) candidates(g group) []candidate {
	now := p.inForce(g)
	var out []candidate
	if !now.fixed {
		out = append(out, now)
	}
	weights := []weighting{p.weightsNow(g), equal, byTrimtab}
	if weights[0] == equal {
		weights = weights[1:]
	}
	for _, proxy := range g.proxies() {
		for _, w := range weights {
			c := candidate{plane: g.plane, proxy: proxy, weights: w}
			if c.same(now) || !c.makesSense() {
				continue
			}
			out = append(out, c)
		}
	}
	return out
}

// makesSense leaves out what a proxy does not look at: the bias of active requests
// while all weights are equal.
func (c candidate) makesSense() bool {
	return c.weights != equal || c.proxy.Bias == nil || *c.proxy.Bias == 1
}

// policy is what has these weights in simulation.
func (c candidate) policy(trust bool) simulate.Policy {
	config := scorer.Config{Kind: scorer.KindRequests, Trust: trust}
	switch c.weights {
	case asNow, asConfigured, equal:
		return simulate.Equal() // of the scenario's own weights
	case byTrimtab:
	default:
		config.Law = string(c.weights)
	}
	return simulate.PoolOf(string(c.weights), config).Policy()
}
