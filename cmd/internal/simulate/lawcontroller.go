package simulate

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// LawPolicy puts a bare law in the loop: it is told what backends report of
// themselves, and its weights go to the proxies as they are.
type LawPolicy struct {
	// Name is what results are listed under.
	Name string
	// New returns a law that has seen nothing.
	New func() scorer.Law
	// Every is the time from one asking of the law to the next, whole seconds; 0
	// means one.
	Every time.Duration
	// Proxy is nil, or what is used instead of the scenario's proxy.
	Proxy func(Proxy) (Proxy, error)
	// PerCent says that the law's weights are per cents of the configured ones,
	// which are not scaled to the proxy's range.
	PerCent bool
}

// A58 is gRPC's weighted_round_robin with its weights in the scenario's proxy.
func A58() LawPolicy {
	return LawPolicy{Name: "a58", New: func() scorer.Law { return scorer.NewA58(scorer.DefaultA58()) }}
}

// AgentCheck is HAProxy's agent-check with an agent that answers with the idle
// percentage, asked every two seconds as is the default, of a configured weight
// of 100. Its answers are as late, noisy and seldom as the scenario's reports.
func AgentCheck() LawPolicy {
	return LawPolicy{
		Name: "agent-check", New: func() scorer.Law { return scorer.NewIdle() },
		Every: 2 * time.Second, PerCent: true,
		Proxy: func(p Proxy) (Proxy, error) {
			if p.Kind == KindEnvoy {
				return p, fmt.Errorf("%w: Envoy asks no agents", ErrNotApplicable)
			}
			return p, nil
		},
	}
}

// Utilization is a controller for each backend that makes utilization equal.
func Utilization() LawPolicy {
	return LawPolicy{Name: "utilization", New: func() scorer.Law { return scorer.NewUtilization(scorer.DefaultUtilization()) }}
}

// ORCA is Envoy's client_side_weighted_round_robin, which knows nothing of what
// is in flight.
func ORCA() LawPolicy {
	return LawPolicy{
		Name: "orca", New: func() scorer.Law { return scorer.NewA58(scorer.DefaultORCA()) },
		Proxy: func(p Proxy) (Proxy, error) {
			if p.Kind != KindEnvoy {
				return p, fmt.Errorf("%w: only Envoy has client_side_weighted_round_robin", ErrNotApplicable)
			}
			return Proxy{Kind: KindEnvoy, Algorithm: scorer.RoundRobin, Workers: p.Workers}, nil
		},
	}
}

// Policy returns l as a policy to be judged.
func (l LawPolicy) Policy() Policy {
	return Policy{Name: l.Name, Proxy: l.Proxy, New: func(s Setup) (Controller, error) {
		if s.Scenario.Reports == nil {
			return nil, fmt.Errorf("%w: backends report nothing", ErrNotApplicable)
		}
		c := &lawController{
			policy: l, law: l.New(), setup: s,
			configured: s.configured(0), weights: s.configured(0), loads: make([]Load, len(s.Scenario.Backends)),
		}
		if c.policy.Every == 0 {
			c.policy.Every = time.Second
		}
		c.forget()
		return c, nil
	}}
}

type lawController struct {
	policy              LawPolicy
	law                 scorer.Law
	setup               Setup
	configured, weights []int
	loads               []Load // since the law was last asked
	in                  []scorer.Observation
	at                  []int // the backends that in speaks of
}

func (c *lawController) forget() {
	for i := range c.loads {
		c.loads[i] = noLoad()
	}
}

func (c *lawController) Start() Steering { return Steering{Weights: c.weights} }

func (c *lawController) Step(now time.Duration, in []Sample) Steering {
	for i := range in {
		if !math.IsNaN(in[i].Report.Utilization) {
			c.loads[i] = in[i].Report
		}
	}
	if now%c.policy.Every == 0 {
		c.observe(now, in)
		c.publish(c.law.Weights(epoch().Add(now), c.in))
		c.forget()
	}
	return c.Start()
}

func (c *lawController) observe(now time.Duration, in []Sample) {
	c.in, c.at = c.in[:0], c.at[:0]
	for i := range in {
		if !in[i].Present {
			continue
		}
		l, condition := c.loads[i], c.setup.Scenario.Condition(i, now)
		o := scorer.Observation{
			Backend: c.setup.Scenario.Backends[i].Name, Capacity: float64(c.configured[i]) * condition.Weight, Share: float64(c.weights[i]),
			InService: in[i].Up, Settled: true,
			Completed: l.Completed - l.Failed, Failed: l.Failed, InFlight: l.InFlight,
			Latency: math.NaN(), Utilization: l.Utilization,
		}
		if !math.IsNaN(l.Utilization) {
			o.Seconds, o.Reported = c.policy.Every.Seconds(), true
		}
		c.in, c.at = append(c.in, o), append(c.at, i)
	}
}

func (c *lawController) publish(weights []float64) {
	if len(weights) == 0 {
		return
	}
	unit := float64(c.setup.Proxy.oracleLargest()) / slices.Max(weights)
	if c.policy.PerCent {
		unit = 1.0 / 100
	}
	for k, i := range c.at {
		c.weights[i] = min(max(int(math.Round(weights[k]*unit)), 1), c.setup.Proxy.largestWeight())
	}
}
