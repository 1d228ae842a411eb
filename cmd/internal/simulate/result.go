package simulate

import (
	"math"
	"slices"
	"time"
)

// Result is how a run went, after the warm-up.
type Result struct {
	// Requests arrived, or messages, or connections that did not come about.
	// Failed ended in an error or found no backend; the latter are Refused, too.
	// Unfinished never ended, because their backend stood still to the end.
	Requests, Failed, Refused, Unfinished int
	// Lost is long-lived connections that their backend broke off.
	Lost int
	// Shed is long-lived connections that were closed because a policy asked for it.
	Shed int
	// ClientsLost is clients that wanted a connection at the end, had tried, and had
	// none, or had theirs ended by others and never come back.
	ClientsLost int
	// Held is how connections and requests were spread.
	Held Held
	// P50 to P999 are latencies of the requests and messages that did not fail,
	// and Mean is their mean.
	Mean, P50, P90, P99, P999 time.Duration
	// Imbalance is the largest utilization over the mean of all backends that
	// take work, and ConnectionsMaxMean the like of what is in flight: means
	// over all seconds.
	Imbalance, ConnectionsMaxMean float64
	// Pushes counts the changes of single weights by the controller; pulses and
	// backends that go down or come back are none.
	Pushes int
	// PushRate is Pushes per minute and backend.
	PushRate float64
	// Weights are those in force at the end; nil with pools, which have their own.
	Weights []int
	// Shares are the backends' shares of the requests, messages left out.
	Shares []float64
	// Convergence has an entry for each change of capacities, the warm-up's
	// included.
	Convergence []Convergence
	// Series is nil unless it was asked for.
	Series *Series
	// Events is how many events the whole run took.
	Events int
	// Pools are what the result is of, each for itself, in the scenario's order;
	// nil where the scenario has none. Their Events are 0 and their Series nil.
	Pools []Result
}

// ErrorShare is the share of requests that failed or never ended.
func (r *Result) ErrorShare() float64 {
	return float64(r.Failed+r.Unfinished) / float64(max(r.Requests, 1))
}

func (e *engine) finish() Result {
	for i := range e.clients {
		if c := &e.clients[i]; c.lost {
			e.pools[c.group.Pool].result.ClientsLost++
		}
	}
	var out Result
	if e.scenario.Pools == nil {
		out = e.pools[0].finish()
	} else {
		out = e.finishPools()
	}
	out.Series, out.Events = e.series, e.events
	return out
}

// finishPools puts all pools' results together.
func (e *engine) finishPools() Result {
	var all Result
	var latencies []float64
	requests := make([]int, len(e.backends))
	members, least := 0, 0.0
	for i := range e.pools {
		p := &e.pools[i]
		one := p.finish()
		all.Pools = append(all.Pools, one)
		all.Requests += one.Requests
		all.Failed += one.Failed
		all.Refused += one.Refused
		all.Unfinished += one.Unfinished
		all.Lost += one.Lost
		all.Shed += one.Shed
		all.ClientsLost += one.ClientsLost
		least += one.Held.Least
		all.Pushes += one.Pushes
		all.Convergence = merged(all.Convergence, one.Convergence)
		latencies = append(latencies, p.latencies...)
		for place, n := range p.requests {
			requests[p.members[place]] += n
		}
		members += len(p.members)
	}
	all.answered(latencies)
	all.spread(&e.balance)
	all.Held = e.holding.Held()
	if len(e.pools) == 1 {
		all.spread(&e.pools[0].balance)
		all.Held = all.Pools[0].Held
	}
	all.Held.Least = least
	all.PushRate = e.scenario.perMinute(all.Pushes, members)
	all.Shares = shares(requests)
	return all
}

func (p *poolRun) finish() Result {
	r := p.result
	r.Unfinished = r.Requests - r.Failed - len(p.latencies)
	r.answered(p.latencies)
	r.spread(&p.balance)
	r.Held = p.holding.Held()
	r.Convergence = p.watch.events
	r.PushRate = p.scenario.perMinute(r.Pushes, len(p.members))
	for _, w := range p.asked {
		r.Weights = append(r.Weights, int(w))
	}
	r.Shares = shares(p.requests)
	return r
}

// answered tells of latencies, which it sorts.
func (r *Result) answered(latencies []float64) {
	slices.Sort(latencies)
	if n := len(latencies); n > 0 {
		r.Mean = seconds(sum(latencies) / float64(n))
	}
	r.P50, r.P90 = quantile(latencies, 0.5), quantile(latencies, 0.9)
	r.P99, r.P999 = quantile(latencies, 0.99), quantile(latencies, 0.999)
}

func (r *Result) spread(b *Balance) {
	r.Imbalance, r.ConnectionsMaxMean = b.Imbalance(), b.Connections()
}

func (s *Scenario) perMinute(pushes, backends int) float64 {
	return float64(pushes) / (s.Duration - s.Warmup).Minutes() / float64(backends)
}

func shares(requests []int) []float64 {
	total := 0
	for _, n := range requests {
		total += n
	}
	var out []float64
	for _, n := range requests {
		out = append(out, float64(n)/float64(max(total, 1)))
	}
	return out
}

// quantile is the smallest value that at least the share q does not exceed.
func quantile(sorted []float64, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return seconds(sorted[max(i, 0)])
}

func seconds(s float64) time.Duration { return time.Duration(math.Round(s * float64(time.Second))) }
