package scenario

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// What a drawn scenario keeps to, so that it can be simulated in seconds and
// says something of a policy: enough requests for a p99, and few of them.
const (
	leastRequests = 20_000
	mostRequests  = 1_500_000
	// fullLoad is the share of capacity from which on a pool counts as
	// overloaded.
	fullLoad = 0.97
	// mostOverload and longestOverload bound how much of the counted time is
	// spent overloaded, and for how long at a time: nobody's weights help there.
	mostOverload    = 0.08
	longestOverload = 20 * time.Second
)

// Draw makes a random scenario. The same seed gives the same one. It passes
// [Parse], has about 10,000 to 1.6 million requests or messages, and but for
// short times a true capacity above its load.
func Draw(seed uint64) File {
	d := drawer{rand.New(rand.NewPCG(seed, 0))}
	f := File{
		Name: fmt.Sprintf("drawn-%d", seed), Seed: 1,
		Duration: d.seconds(120, 240), Warmup: d.seconds(30, 90),
		Proxies:  pick(d, 1, 1, 1, 2, 2, 4, 4, 8, 16),
		Proxy:    d.proxy(),
		Reports:  d.reports(),
		Policies: standardPolicies(),
	}
	f.Backends = d.backends(f.Reports != nil)
	d.traffic(&f)
	d.membership(&f)
	d.events(&f)
	slices.SortStableFunc(f.Events, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	return f
}

func standardPolicies() []Policy {
	var out []Policy
	for _, p := range Policies() {
		if p != PolicyOmniscientBest {
			out = append(out, p)
		}
	}
	return out
}

// drawer draws parts of a scenario.
type drawer struct{ *rand.Rand }

func pick[T any](d drawer, of ...T) T { return of[d.IntN(len(of))] }

// chance is true for the share of draws.
func (d drawer) chance(share float64) bool { return d.Float64() < share }

// between is even in the logarithm, with two digits.
func (d drawer) between(low, high float64) float64 {
	return rounded(low * math.Pow(high/low, d.Float64()))
}

// rounded has two digits, as a person would write.
func rounded(x float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(x))-1)
	n := math.Round(x / unit)
	if unit < 1 {
		return n / math.Round(1/unit) // exact where n × 0.1 is not
	}
	return n * unit
}

func (d drawer) seconds(low, high int) time.Duration {
	return time.Duration(low+d.IntN(high-low+1)) * time.Second
}

// time is even in the logarithm.
func (d drawer) time(low, high time.Duration) time.Duration {
	return nearly(d.between(low.Seconds(), high.Seconds()))
}

// nearly is a time in whole microseconds, with two digits.
func nearly(seconds float64) time.Duration {
	return time.Duration(math.Round(rounded(seconds)*1e6)) * time.Microsecond
}

func (d drawer) proxy() Proxy {
	var p Proxy
	switch at := d.Float64(); {
	case at < 0.40:
		p = Proxy{Kind: HAProxy, Balance: Leastconn}
	case at < 0.50:
		p = Proxy{Kind: HAProxy, Balance: Roundrobin}
	case at < 0.65:
		p = Proxy{Kind: HAProxy, Balance: RandomTwo}
	case at < 0.92:
		p = Proxy{Kind: Envoy, Balance: LeastRequest, FullScan: d.chance(0.15)}
		if d.chance(0.2) {
			bias := pick(d, 0.5, 1.5, 2)
			p.Bias = &bias
		}
		if !p.FullScan && d.chance(0.2) {
			p.ChoiceCount = 3 + d.IntN(3)
		}
	default:
		p = Proxy{Kind: Envoy, Balance: RoundRobin}
	}
	p.complete()
	return p
}

func (d drawer) reports() *Reports {
	r := Reports{Period: time.Second, Delay: time.Second, Noise: 0.05}
	switch at := d.Float64(); {
	case at < 0.15:
		return nil
	case at < 0.30:
		r.Delay = d.seconds(2, 6)
	case at < 0.45:
		r.Noise = d.between(0.1, 0.3)
	case at < 0.60:
		r.Lost = d.between(0.05, 0.4)
	case at < 0.70:
		r.Period = d.seconds(2, 5)
	}
	return &r
}
