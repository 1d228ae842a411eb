package simulate

import (
	"errors"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// ErrNotApplicable is that a proxy, or a scenario, has nothing that a policy
// needs. What wraps it says what.
var ErrNotApplicable = errors.New("not applicable")

// Policy makes controllers, one for each run and pool.
type Policy struct {
	// Name is what results are listed under.
	Name string
	// New returns a controller for one run and pool, or an error that wraps
	// [ErrNotApplicable].
	New func(Setup) (Controller, error)
	// Proxy is nil, or what it uses instead of the scenario's proxy; Setup has
	// that already.
	Proxy func(Proxy) (Proxy, error)
	// Variants, when set instead of New, are several policies of which the one
	// with the best result counts.
	Variants []Policy
}

// Setup is what a controller may know of its run: of a scenario with pools, it has
// the backends and proxies of its own pool as if there were no other.
type Setup struct {
	Scenario *Scenario
	Proxy    Proxy
}

// Static keeps the same weights for ever.
type Static []int

// Start implements [Controller].
func (s Static) Start() Steering { return Steering{Weights: s} }

// Step implements [Controller].
func (s Static) Step(time.Duration, []Sample) Steering { return Steering{Weights: s} }

// initialWeight is what a proxy starts with when nobody has said anything.
const initialWeight = 100

// Equal gives the configured weights, which are the same unless the scenario
// says otherwise.
func Equal() Policy {
	return Policy{Name: "equal", New: func(s Setup) (Controller, error) {
		return configured{s}, nil
	}}
}

// configured gives what a person has configured by now.
type configured struct{ Setup }

// Start implements [Controller].
func (c configured) Start() Steering { return Steering{Weights: c.configured(0)} }

// Step implements [Controller].
func (c configured) Step(now time.Duration, _ []Sample) Steering {
	return Steering{Weights: c.configured(now)}
}

// configured are the configured weights at a time: the largest is initialWeight
// unless the smallest were 0 then.
func (s *Setup) configured(now time.Duration) []int {
	weights := make([]float64, len(s.Scenario.Backends))
	same := true
	for i := range weights {
		weights[i] = s.Scenario.Backends[i].configured() * s.Scenario.Condition(i, now).Weight
		same = same && weights[i] == weights[0]
	}
	largest := initialWeight
	if !same {
		largest = s.Proxy.oracleLargest()
	}
	return weightsOf(weights, 1, largest)
}

func (b *Backend) configured() float64 {
	if b.Weight > 0 {
		return b.Weight
	}
	return 1
}

// Roundrobin is the configured weights under a proxy that looks at nothing
// else.
func Roundrobin() Policy {
	return Policy{Name: "roundrobin", New: Equal().New, Proxy: func(p Proxy) (Proxy, error) {
		return Proxy{Kind: p.Kind, Algorithm: scorer.RoundRobin, Workers: p.Workers}, nil
	}}
}

// Leastconn is the configured weights under the proxy's algorithm that looks at
// what is in flight: leastconn, or Envoy's LEAST_REQUEST with its defaults.
func Leastconn() Policy {
	return Policy{Name: "leastconn", New: Equal().New, Proxy: func(p Proxy) (Proxy, error) {
		out := Proxy{Kind: p.Kind, Algorithm: scorer.LeastConnections, Workers: p.Workers}
		if p.Kind == KindEnvoy {
			out.Algorithm = scorer.LeastRequest
		}
		return out, nil
	}}
}
