package simulate

import "slices"

// Verdict is how one policy did in one scenario under one proxy, over all
// seeds, in the order of the seeds.
type Verdict struct {
	Scenario string
	// Proxy is the scenario's, whatever the policy uses instead.
	Proxy  Proxy
	Policy string
	// Behind names the proxies of all pools; empty is that it is just Proxy.
	Behind string
	// Sockets is that there are long-lived connections and nothing else.
	Sockets bool
	// Clients is that there are long-lived connections at all.
	Clients bool
	// Pools are the scenario's, in the order of its and of each result's.
	Pools []PoolVerdict
	// NotApplicable is why the policy cannot run here; there are no Results
	// then. Empty when it can.
	NotApplicable string
	// Results and Oracle are on the same traces.
	Results, Oracle []Result
}

// PoolVerdict is what is told of one pool besides its results.
type PoolVerdict struct {
	Name    string
	Proxy   Proxy
	Sockets bool
	Clients bool
}

// behind names the proxies.
func (v *Verdict) behind() string {
	if v.Behind != "" {
		return v.Behind
	}
	return v.Proxy.String()
}

// pool is the verdict on one of the pools.
func (v *Verdict) pool(i int) Verdict {
	p := v.Pools[i]
	of := func(all []Result) []Result {
		out := make([]Result, len(all))
		for k := range all {
			out[k] = all[k].Pools[i]
		}
		return out
	}
	return Verdict{
		Scenario: v.Scenario + "/" + p.Name, Proxy: p.Proxy, Policy: v.Policy, Sockets: p.Sockets, Clients: p.Clients,
		Results: of(v.Results), Oracle: of(v.Oracle),
	}
}

// Ratios are p99 over the oracle's p99 for each seed.
func (v *Verdict) Ratios() []float64 {
	out := make([]float64, len(v.Results))
	for i := range v.Results {
		out[i] = float64(v.Results[i].P99) / float64(v.Oracle[i].P99)
	}
	return out
}

// Regrets are what each seed lost against the oracle: the ratio of p99, or, of
// long-lived connections, that of the imbalance.
func (v *Verdict) Regrets() []float64 {
	if !v.Sockets {
		return v.Ratios()
	}
	out := make([]float64, len(v.Results))
	for i := range v.Results {
		out[i] = v.Results[i].Imbalance / v.Oracle[i].Imbalance
	}
	return out
}

// Errors is the median error share.
func (v *Verdict) Errors() float64 {
	return medianOf(v.Results, func(r *Result) float64 { return r.ErrorShare() })
}

// PushRate is the median of pushes per minute and backend.
func (v *Verdict) PushRate() float64 {
	return medianOf(v.Results, func(r *Result) float64 { return r.PushRate })
}

func medianOf(results []Result, f func(*Result) float64) float64 {
	values := make([]float64, len(results))
	for i := range results {
		values[i] = f(&results[i])
	}
	return median(values)
}

func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
