package advice

import (
	"fmt"
	"math"
	"strings"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/observation"
	"github.com/trimtab-lb/trimtab/scorer"
)

const (
	// leastSeconds is how long a pool has to be watched, leastRequests how many it has
	// to have completed meanwhile.
	leastSeconds  = 30
	leastRequests = 300
	// full is the utilization from which on no way of balancing helps.
	full = 0.95
	// differ is by what response times of servers differ that are not alike, where
	// nothing is learned of them.
	differ = 1.25
)

// refusal is why nothing is simulated, and what can be said without.
type refusal struct {
	verdict Verdict
	says    string
	choice  *Choice
	apply   []string
}

func tooLittle(format string, args ...any) *refusal {
	return &refusal{verdict: Unknown, says: fmt.Sprintf(format, args...)}
}

// refuse is nil when enough is known to simulate the pool.
func (p *pool) refuse(g group) *refusal {
	completed := p.rate * p.doc.Seconds
	switch {
	case p.doc.At == nil:
		return tooLittle("Nothing is known so far: the pool has not taken a step.")
	case len(p.servers) == 0:
		return tooLittle("No server takes work.")
	case len(p.servers) == 1:
		return tooLittle("One server takes work: there is nothing to balance.")
	case g.plane == observation.PlaneRedirect || g.plane == observation.PlaneDNS:
		return &refusal{verdict: Unsimulated, says: "Clients are told by trimtab itself where to go: there is no proxy that could balance otherwise."}
	case p.doc.Kind == scorer.KindConnections:
		return p.held(g)
	case math.IsNaN(p.response) && p.rate > 0:
		return tooLittle("Nobody reports what is in flight or how long it takes, so that there is nothing to simulate from: see the targets and load of the pool.")
	case p.rate == 0 && p.inFlight > 0:
		return tooLittle("Nothing completes, although %.3g requests are in flight: nothing is known of how long they take.", p.inFlight)
	case p.doc.Seconds < leastSeconds:
		return tooLittle("The pool was watched for %.0f s only; %d are needed to say anything.", p.doc.Seconds, leastSeconds)
	case completed < leastRequests || math.IsNaN(p.response):
		return tooLittle("Too little traffic: %.0f requests were completed in %s, and %d are needed to say anything.", completed, lasting(p.doc.Seconds), leastRequests)
	case p.doc.Kind == scorer.KindAuto:
		return tooLittle("It is not clear yet whether the pool serves requests or held connections: `kind` in trimtab's configuration says so.")
	case p.utilization >= full:
		return tooLittle("The servers are full, by their own reports of %.0f %%: no way of balancing helps, more of them do.", 100*p.utilization)
	case !p.learned && p.responsesApart() > differ:
		return p.blind(g)
	default:
		return nil
	}
}

// held is for long-lived connections, which are not simulated: what counts is how
// evenly they are held, and an algorithm that counts them holds them evenly.
func (p *pool) held(g group) *refusal {
	const why = "The pool holds connections, which is not simulated: what counts is that all servers hold their share, and %s counts what each holds"
	best := scenario.Proxy{Kind: scenario.HAProxy, Balance: scenario.Leastconn}
	switch {
	case g.plane == observation.PlaneGRPC:
		return &refusal{verdict: Unsimulated, says: "The pool holds connections, which is not simulated. gRPC clients share by weights and count nothing: there is no other algorithm to tell them."}
	case !g.haproxy():
		best = g.envoy(scenario.LeastRequest)
	}
	choice := Choice{Algorithm: algorithmOf(g.plane, best), Weights: string(byTrimtab)}
	r := &refusal{verdict: Unsimulated, choice: &choice, says: fmt.Sprintf(why, choice.Algorithm)}
	if now, ok := g.now(); ok && now.Balance == best.Balance {
		r.says += ", as it is in force: no change."
		return r
	}
	r.says += "; round robin and random ones drift apart as connections end."
	r.apply = g.applyAlgorithm(p.doc.Pool, best)
	return r
}

// blind is for servers that are visibly not alike, of which nobody has learned how
// strong they are.
func (p *pool) blind(g group) *refusal {
	says := fmt.Sprintf("Response times of the servers differ by a factor of %.2g and their capacities are not learned", p.responsesApart())
	now, ok := g.now()
	feedback := ok && (now.Balance == scenario.Leastconn || now.Balance == scenario.RandomTwo || now.Balance == scenario.LeastRequest)
	switch {
	case g.plane == observation.PlaneGRPC:
		return tooLittle("%s, so that nothing can be simulated: have the servers report their load (`load` of the pool).", says)
	case p.doc.LawConfigured == scorer.LawStatic:
		return &refusal{
			verdict: Unsimulated, says: says + ", as the law is static: law auto learns them.",
			apply: []string{"in trimtab's configuration, for the pool: law: auto"},
		}
	case feedback:
		return tooLittle("%s yet, so that nothing can be simulated.", says)
	}
	best := scenario.Proxy{Kind: scenario.HAProxy, Balance: scenario.Leastconn}
	if !g.haproxy() {
		best = g.envoy(scenario.LeastRequest)
	}
	choice := Choice{Algorithm: algorithmOf(g.plane, best), Weights: string(byTrimtab)}
	return &refusal{
		verdict: Unsimulated, choice: &choice, apply: g.applyAlgorithm(p.doc.Pool, best),
		says: says + ", as round robin looks at nothing and shows queues rather than strength: " + choice.Algorithm +
			" sends less to who is busy, and lets trimtab learn. By how much that is better cannot be simulated yet.",
	}
}

// lasting is a time in words.
func lasting(seconds float64) string {
	if seconds < 90 {
		return fmt.Sprintf("%.0f s", seconds)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", seconds/60), ".0") + " minutes"
}
