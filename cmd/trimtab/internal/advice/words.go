package advice

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/observation"
)

// words are how a choice reads in a sentence.
func (c Choice) words() string {
	switch weighting(c.Weights) {
	case asNow:
		return c.Algorithm + " with the weights of now"
	case asConfigured:
		return c.Algorithm + " with the configured weights"
	case equal:
		return c.Algorithm + " with equal weights"
	default:
		return c.Algorithm + " with weights by " + c.Weights
	}
}

// percent is a share, with one decimal where that is worth telling.
func percent(share float64) string {
	if math.Abs(share) < 0.0995 {
		return fmt.Sprintf("%.1f %%", math.Round(1000*share)/10+0) // + 0 makes -0 positive
	}
	return fmt.Sprintf("%.0f %%", 100*share)
}

func milliseconds(ms float64) string { return fmt.Sprintf("%.3g ms", ms) }

func count(n int, what string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(what, "y"):
		what = strings.TrimSuffix(what, "y") + "ies"
	default:
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// assumptions are what the simulation rests on.
func (p *pool) assumptions(g group, models []model) []string {
	out := []string{p.observed()}
	strengths := "configured"
	if p.learned {
		strengths = "learned"
	}
	out = append(out, "servers are as strong as "+strengths+", and have as many cores as make requests take as long as they do")
	for _, m := range models {
		out = append(out, p.taken(m))
	}
	out = append(out, "requests arrive at random, and all servers work on the same ones")
	if g.plane == observation.PlaneEnvoy {
		out = append(out, fmt.Sprintf("each Envoy has %d threads, and choice_count 2 unless said otherwise", g.workers()))
	}
	if len(groupsOf(p.doc)) > 1 {
		out = append(out, "all traffic goes through proxies like these; the pool's others are other parts of this advice")
	}
	f := p.file(g, models[0])
	if small := thin(f, mostServers); len(small.Backends) < len(f.Backends) || small.Proxies < p.proxies {
		out = append(out, fmt.Sprintf("simulated were %s of %d and %s of %d, with their part of the requests",
			count(len(small.Backends), "server"), len(f.Backends), count(small.Proxies, "proxy"), p.proxies))
	}
	return out
}

// observed is what was seen.
func (p *pool) observed() string {
	return fmt.Sprintf("as observed over the last %s: %.3g requests/s to %s through %s, %s each, %.2g in flight of each server and proxy",
		lasting(p.doc.Seconds), p.rate, count(len(p.servers), "server"), count(p.proxies, "proxy"), milliseconds(1000*p.response), p.each())
}

// taken is one model.
func (p *pool) taken(m model) string {
	busy := "as reported"
	switch {
	case m.assumed:
		busy = "assumed"
	case math.IsNaN(p.utilization):
		busy = "as you say"
	}
	spread := "by how completions scatter"
	if m.guessed {
		spread = "for want of a better measure"
	}
	return fmt.Sprintf("utilization of %.0f %% %s: %.3g cores in all, demand taken as %s in the mean, %s %s",
		100*m.utilization, busy, m.cores, milliseconds(1000*p.demand(m)), shape(m.variation), spread)
}

// notKnown is what could not be found out.
func (p *pool) notKnown(g group) []string {
	out := []string{}
	if len(p.out) > 0 {
		var left []string
		for _, name := range slices.Sorted(maps.Keys(p.out)) {
			left = append(left, name+" ("+p.out[name]+")")
		}
		out = append(out, "left out, as they take no work: "+strings.Join(left, ", "))
	}
	if len(p.servers) == 0 || !(p.rate > 0) {
		return out
	}
	if math.IsNaN(p.utilization) {
		out = append(out, "how busy the servers are, as they do not report it: --utilization says what the mean is")
	} else if p.utilization > p.busiest() && p.utilization < full {
		out = append(out, fmt.Sprintf("what keeps the servers %.0f %% busy: what is in flight of this pool cannot", 100*p.utilization))
	}
	if !p.learned {
		out = append(out, "how strong the servers are, as the law in use learns nothing of it: the configured capacities are taken")
	}
	out = append(out, "how much of a request's time is spent on a core and how much waiting: all counts as work")
	if p.failed > 0.01 {
		out = append(out, fmt.Sprintf("what failing requests (%s) do to the others: simulated ones do not fail", percent(p.failed)))
	}
	switch {
	case g.plane == observation.PlaneAgentCheck && p.doc.Proxies == 0:
		out = append(out, "how many proxies ask for weights: one is taken")
	case g.plane == observation.PlaneHAProxy && p.doc.Proxies == 0:
		out = append(out, "what the proxies count, of which nothing is heard")
	}
	return out
}
