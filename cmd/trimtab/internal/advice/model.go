package advice

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/compile"
	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

// model is one explanation of what was seen.
type model struct {
	// utilization is the pool's mean; assumed is that nobody reports it.
	utilization float64
	assumed     bool
	// cores are all servers' together. The mean demand follows from them, the rate and
	// the utilization.
	cores float64
	// strengths are the servers' parts of the cores, with mean 1.
	strengths []float64
	// variation is the squared coefficient of variation of demand; guessed is that it
	// could not be found out.
	variation float64
	guessed   bool
}

func (p *pool) demand(m model) float64 { return m.utilization * m.cores / p.rate }

// busiestServer is the largest utilization that a server is taken to have.
const busiestServer = 0.98

// strengths are the learned capacities, as far as they are possible. A server that is
// found weaker than what it completes needs, as happens where weights do nothing and
// learning runs on against them, has just that, and the others what is left.
func (p *pool) strengths(utilization float64) []float64 {
	n := float64(len(p.servers))
	out, least := make([]float64, len(p.servers)), make([]float64, len(p.servers))
	for i := range p.servers {
		out[i] = p.servers[i].capacity
		least[i] = min(utilization/busiestServer, 1) * p.servers[i].rate * n / p.rate
	}
	// Each round takes from those above their least, which may bring some to it.
	for range p.servers {
		var held, free float64
		for i := range out {
			if out[i] <= least[i] {
				held += least[i]
			} else {
				free += out[i]
			}
		}
		settled := true
		for i := range out {
			if out[i] <= least[i] {
				out[i] = least[i]
				continue
			}
			out[i] *= (n - held) / free
			settled = settled && out[i] > least[i]
		}
		if settled {
			break
		}
	}
	return out
}

const (
	// warmup and counted are what a file has that is written for people.
	warmup, counted = 2 * time.Minute, 5 * time.Minute
	// mostServers and mostProxies bound what is simulated: of a larger pool that many,
	// alike in strengths and load.
	mostServers, mostProxies = 50, 50
	// mostCores is the largest server of a scenario.
	mostCores = 4096
)

// file is the pool as a scenario.
func (p *pool) file(g group, m model) scenario.File {
	proxy, ok := g.now()
	if !ok {
		proxy = g.known()[0]
	}
	f := scenario.File{
		Name: p.doc.Pool + "-observed", Seed: 1, Warmup: warmup, Duration: counted,
		Proxies: min(p.proxies, 1000), Proxy: proxy,
		Traffic: []scenario.Traffic{{Requests: &scenario.Requests{
			Rate: scenario.Rate(rounded(p.rate)), Demand: demandOf(p.demand(m), m.variation),
		}}},
		Policies: []scenario.Policy{
			scenario.PolicyRoundrobin, scenario.PolicyLeastconn, scenario.PolicyEqual, scenario.PolicyOmniscient,
			scenario.PolicyTrimtab, scenario.PolicyTrimtabNoReports,
		},
	}
	if !math.IsNaN(p.utilization) {
		f.Reports = &scenario.Reports{Period: time.Second, Delay: time.Second, Noise: 0.05}
	}
	most := 0.0
	for i := range p.servers {
		most = max(most, p.weightAt(g, &p.servers[i]))
	}
	for i := range p.servers {
		s := &p.servers[i]
		b := scenario.Backend{Name: s.name, Count: 1, Settings: scenario.Settings{
			Cores: rounded(min(m.cores*m.strengths[i]/float64(len(p.servers)), mostCores)), Speed: 1,
			Weight:     rounded(p.weightAt(g, s) * min(1, 256/most)),
			WaitFactor: 1, Fail: scenario.FailNone, Reports: scenario.ReportsOK, ReportScale: 1,
		}}
		if !p.learns {
			b.CapacityHint = rounded(s.configured) // what is in force is another thing
		}
		f.Backends = append(f.Backends, b)
	}
	return f
}

// rounded has five digits, which leaves equal weights equal.
func rounded(x float64) float64 {
	out, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 5, 64), 64)
	if err != nil {
		return x
	}
	return out
}

// thin leaves as many servers of a pool as that, of all strengths, with their part of
// the requests.
func thin(f scenario.File, servers int) scenario.File {
	f.Proxies = min(f.Proxies, mostProxies)
	n := len(f.Backends)
	if n <= servers {
		return f
	}
	before := f.Nominal()
	all := slices.Clone(f.Backends)
	slices.SortStableFunc(all, func(a, b scenario.Backend) int {
		switch {
		case a.Cores < b.Cores:
			return -1
		case a.Cores > b.Cores:
			return 1
		}
		return 0
	})
	f.Backends = nil
	for k := range servers {
		f.Backends = append(f.Backends, all[(2*k+1)*n/(2*servers)])
	}
	r := *f.Traffic[0].Requests
	r.Rate *= scenario.Rate(f.Nominal() / before)
	f.Traffic = []scenario.Traffic{{Requests: &r}}
	return f
}

// slowed is the same so many times slower, for pools that do too much in a second to
// be played for long: no algorithm looks at the clock.
func slowed(f scenario.File, demand, variation, times float64) scenario.File {
	r := *f.Traffic[0].Requests
	r.Rate /= scenario.Rate(times)
	r.Demand = demandOf(demand*times, variation)
	f.Traffic = []scenario.Traffic{{Requests: &r}}
	return f
}

// evenly gives all the same weight.
func evenly(s simulate.Scenario) simulate.Scenario {
	s.Backends = slices.Clone(s.Backends)
	for i := range s.Backends {
		s.Backends[i].Weight = 1
	}
	return s
}

// simulated compiles a file for one candidate.
func simulated(f scenario.File, c candidate) (simulate.Scenario, simulate.Proxy) {
	s := compile.Scenario(f)
	if c.weights == equal {
		s = evenly(s)
	}
	return s, compile.Proxy(c.proxy)
}
