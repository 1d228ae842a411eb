package simulate

import (
	"fmt"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// PoolPolicy puts a real [scorer.Pool] in the loop: every proxy reports its own
// counts every [Tick] as one that is polled, backends their load, and what the
// proxies are really given is in force: HAProxy's integers, or what Envoy's
// endpoint discovery serves.
type PoolPolicy struct {
	// Name is what results are listed under.
	Name string
	// New returns a pool without backends.
	New func(name string) (*scorer.Pool, error)
	// WithoutReports keeps what backends report from the pool.
	WithoutReports bool
	// Rounder is how plans become integers where the proxy is no Envoy; Max 0
	// means 256.
	Rounder scorer.RounderConfig
	// Watch, when set, is told of every plan and of its weights, which are
	// parallel to the plan's decisions.
	Watch func(now time.Duration, p scorer.Plan, r scorer.Rounded)
}

// PoolOf is a PoolPolicy with nothing but a pool's configuration.
func PoolOf(name string, config scorer.Config) PoolPolicy {
	return PoolPolicy{Name: name, New: func(pool string) (*scorer.Pool, error) {
		config := config
		config.Name = pool
		return scorer.New(config)
	}}
}

// Trimtab is trimtab as it is without any configuration, TrimtabNoReports the
// same where backends report nothing.
func Trimtab() PoolPolicy { return PoolOf("trimtab", scorer.Config{}) }

// TrimtabNoReports knows only what the proxies see.
func TrimtabNoReports() PoolPolicy {
	p := PoolOf("trimtab-noreports", scorer.Config{})
	p.WithoutReports = true
	return p
}

// Policy returns p as a policy to be judged.
func (p PoolPolicy) Policy() Policy {
	return Policy{Name: p.Name, New: func(s Setup) (Controller, error) {
		all := make(several, max(s.Scenario.Trimtabs, 1))
		for i := range all {
			one, err := p.controller(s, i)
			if err != nil {
				return nil, fmt.Errorf("policy %s: %w", p.Name, err)
			}
			all[i] = one
		}
		if len(all) == 1 {
			return all[0], nil
		}
		return all, nil
	}}
}

// controller makes the i-th of the trimtabs that steer a pool.
func (p PoolPolicy) controller(s Setup, i int) (*poolController, error) {
	name := s.Scenario.Name
	if i > 0 {
		name = fmt.Sprintf("%s/%d", name, i)
	}
	pool, err := p.New(name)
	if err != nil {
		return nil, err
	}
	if s.Scenario.Shed != nil {
		shed := *s.Scenario.Shed
		shed.Sharers = max(s.Scenario.Trimtabs, 1)
		if err := pool.SetShed(&shed); err != nil {
			return nil, err
		}
	}
	target, err := newTarget(p, s)
	if err != nil {
		return nil, err
	}
	return newPoolController(p, s, pool, target), nil
}

// target turns plans into a proxy's weights.
type target interface {
	// adopt starts from weights that were found.
	adopt(weights map[string]int)
	// apply returns the weights and shares of a plan for these members, parallel
	// to its decisions, and what is in force.
	apply(p scorer.Plan, members []scorer.Backend) (scorer.Rounded, scorer.InForce, error)
}

func newTarget(p PoolPolicy, s Setup) (target, error) {
	if s.Proxy.Kind == KindEnvoy {
		return newEnvoyTarget(s)
	}
	rounder := p.Rounder
	if rounder.Max == 0 {
		rounder.Max = maxWeight
	}
	return &integerTarget{algorithm: s.Proxy.Algorithm, rounder: scorer.NewRounder(rounder)}, nil
}

// integerTarget is HAProxy's.
type integerTarget struct {
	algorithm scorer.Algorithm
	rounder   *scorer.Rounder
}

func (t *integerTarget) adopt(weights map[string]int) { t.rounder.Adopt(weights) }

func (t *integerTarget) apply(p scorer.Plan, _ []scorer.Backend) (scorer.Rounded, scorer.InForce, error) {
	rounded := t.rounder.Round(p, t.algorithm)
	out := scorer.InForce{Algorithm: t.algorithm, Pulses: true, Shares: make([]scorer.Share, len(p.Decisions))}
	for k := range p.Decisions {
		out.Shares[k] = scorer.Share{Backend: p.Decisions[k].Backend, Weight: rounded.Shares[k], Applied: rounded.Weights[k]}
	}
	return rounded, out, nil
}
