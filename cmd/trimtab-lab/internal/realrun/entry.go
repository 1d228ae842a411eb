package realrun

import (
	"fmt"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

// giver is who gives the weights of a policy.
type giver uint8

const (
	byController giver = iota // this process, as in the simulation
	byTrimtab
	byAgents // HAProxy, from what agents answer
	byEnvoy  // Envoy, from what backends' answers say
)

// entry is one policy as it can be run.
type entry struct {
	policy simulate.Policy
	proxy  simulate.Proxy // its own
	giver  giver
	// reported is whether it is told what backends report.
	reported bool
}

// entryOf returns an error that wraps [simulate.ErrNotApplicable] for a policy
// that cannot be run.
func (o *Options) entryOf(p simulate.Policy) (entry, error) {
	e := entry{policy: p, proxy: o.Proxy, reported: o.Scenario.Reports != nil}
	if len(p.Variants) > 0 {
		return e, fmt.Errorf("%w: it would take a run for each of %d variants", simulate.ErrNotApplicable, len(p.Variants))
	}
	if p.Proxy != nil {
		var err error
		if e.proxy, err = p.Proxy(o.Proxy); err != nil {
			return e, err
		}
	}
	switch p.Name {
	case simulate.Trimtab().Name:
		e.giver = byTrimtab
	case simulate.TrimtabNoReports().Name:
		e.giver, e.reported = byTrimtab, false
	case simulate.AgentCheck().Name:
		e.giver = byAgents
	case simulate.ORCA().Name:
		e.giver = byEnvoy
	}
	_, err := e.controller(&o.Scenario)
	if err == nil && e.giver == byTrimtab {
		err = o.able(&e)
	}
	return e, err
}

func (e *entry) controller(s *simulate.Scenario) (simulate.Controller, error) {
	return e.policy.New(simulate.Setup{Scenario: s, Proxy: e.proxy})
}

// initial are the weights that proxies start with: the controller's first, and the
// configured ones where somebody else gives weights.
func (e *entry) initial(s *simulate.Scenario) (simulate.Controller, []int, error) {
	of := e.policy
	if e.giver != byController {
		of = simulate.Equal()
	}
	c, err := of.New(simulate.Setup{Scenario: s, Proxy: e.proxy})
	if err != nil {
		return nil, nil, err
	}
	return c, c.Start().Weights, nil
}
