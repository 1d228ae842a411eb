package simulate

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// Contest is what to judge: every policy in every scenario under every
// proxy with every seed.
type Contest struct {
	Scenarios []Scenario
	Proxies   []Proxy
	Seeds     []uint64
	Policies  []Policy
	// Record keeps a Series with every result.
	Record bool
}

// Judge runs a contest on all processors. All policies of one scenario and seed
// see the same requests. The verdicts come in the order of scenarios, then
// proxies, then policies, whatever finished first.
func Judge(ctx context.Context, c Contest) ([]Verdict, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	verdicts := c.verdicts()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range c.Scenarios {
		for k := range c.Seeds {
			for j := range c.Proxies {
				at := (i*len(c.Proxies) + j) * len(c.Policies)
				mine := verdicts[at : at+len(c.Policies)]
				group.Go(func() error {
					return c.judge(ctx, &c.Scenarios[i], c.Proxies[j].withDefaults(), k, mine)
				})
			}
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return verdicts, nil
}

func (c *Contest) check() error {
	var errs []error
	for i := range c.Scenarios {
		errs = append(errs, c.Scenarios[i].check())
	}
	for _, p := range c.Proxies {
		errs = append(errs, p.check())
	}
	return errors.Join(errs...)
}

func (c *Contest) verdicts() []Verdict {
	var out []Verdict
	for i := range c.Scenarios {
		s := &c.Scenarios[i]
		for _, proxy := range c.Proxies {
			oracle := make([]Result, len(c.Seeds))
			for _, p := range c.Policies {
				v := Verdict{
					Scenario: s.Name, Proxy: proxy, Policy: p.Name, Sockets: len(s.streams()) == 0,
					Results: make([]Result, len(c.Seeds)), Oracle: oracle,
				}
				if err := p.applicable(s, proxy.withDefaults()); err != nil {
					v.NotApplicable, v.Results = err.Error(), nil
				}
				out = append(out, v)
			}
		}
	}
	return out
}

// judge runs all policies on one trace. It writes to the results of its own
// seed only.
func (c *Contest) judge(ctx context.Context, s *Scenario, proxy Proxy, seed int, verdicts []Verdict) error {
	t := trial{
		scenario: s, proxy: proxy, seed: c.Seeds[seed], record: c.Record,
		trace: newTrace(s, c.Seeds[seed]),
	}
	oracle, err := t.run(ctx, Oracle())
	if err != nil {
		return fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	for k, p := range c.Policies {
		verdicts[k].Oracle[seed] = oracle
		switch {
		case verdicts[k].NotApplicable != "":
			continue
		case p.Name == Oracle().Name || p.Name == Omniscient().Name:
			verdicts[k].Results[seed] = oracle
			continue
		}
		if verdicts[k].Results[seed], err = t.run(ctx, p); err != nil {
			return fmt.Errorf("scenario %s: policy %s: %w", s.Name, p.Name, err)
		}
	}
	return nil
}
