package simulate

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Match is one scenario behind one proxy: every policy with every seed.
type Match struct {
	Scenario Scenario
	Proxy    Proxy
	Seeds    []uint64
	Policies []Policy
	// Record keeps a Series with the results of that many of the first seeds.
	Record int
}

// Play runs matches on all processors and returns, for each, the verdicts in the
// order of its policies, whatever finished first. All policies of one match and
// seed see the same requests. progress, unless it is nil, is called whenever one
// seed of a match is done, one call at a time.
func Play(ctx context.Context, matches []Match, progress func(match int)) ([][]Verdict, error) {
	verdicts := make([][]Verdict, len(matches))
	for i := range matches {
		if err := matches[i].check(); err != nil {
			return nil, err
		}
		verdicts[i] = matches[i].verdicts()
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range matches {
		for k := range matches[i].Seeds {
			group.Go(func() error {
				if err := matches[i].play(ctx, k, verdicts[i]); err != nil {
					return err
				}
				if progress != nil {
					mu.Lock()
					defer mu.Unlock()
					progress(i)
				}
				return nil
			})
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return verdicts, nil
}

func (m *Match) check() error {
	return errors.Join(m.Scenario.check(), m.Proxy.check())
}

func (m *Match) verdicts() []Verdict {
	oracle := make([]Result, len(m.Seeds))
	behind, pools := m.Scenario.Behind(m.Proxy), m.pools()
	out := make([]Verdict, len(m.Policies))
	for i, p := range m.Policies {
		out[i] = Verdict{
			Scenario: m.Scenario.Name, Proxy: m.Proxy, Behind: behind, Policy: p.Name,
			Sockets: len(m.Scenario.streams()) == 0, Clients: len(m.Scenario.Sockets) > 0, Pools: pools,
			Results: make([]Result, len(m.Seeds)), Oracle: oracle,
		}
		if err := p.applicable(&m.Scenario, m.Proxy.withDefaults()); err != nil {
			out[i].NotApplicable, out[i].Results = err.Error(), nil
		}
	}
	return out
}

func (m *Match) pools() []PoolVerdict {
	var out []PoolVerdict
	for i := range m.Scenario.Pools {
		p := PoolVerdict{Name: m.Scenario.Pools[i].Name, Proxy: m.Proxy, Sockets: true, Clients: len(m.Scenario.socketsOf(i)) > 0}
		if own := m.Scenario.Pools[i].Proxy; own != nil {
			p.Proxy = *own
		}
		for _, r := range m.Scenario.streams() {
			p.Sockets = p.Sockets && r.Pool != i
		}
		out = append(out, p)
	}
	return out
}

// play runs all policies on one trace. It writes to the results of its own seed
// only.
func (m *Match) play(ctx context.Context, seed int, verdicts []Verdict) error {
	t := trial{
		scenario: &m.Scenario, proxy: m.Proxy.withDefaults(), seed: m.Seeds[seed], record: seed < m.Record,
		trace: newTrace(&m.Scenario, m.Seeds[seed]),
	}
	oracle, err := t.run(ctx, Oracle())
	if err != nil {
		return fmt.Errorf("scenario %s: %w", m.Scenario.Name, err)
	}
	for k, p := range m.Policies {
		verdicts[k].Oracle[seed] = oracle
		switch {
		case verdicts[k].NotApplicable != "":
			continue
		case p.Name == Oracle().Name || p.Name == Omniscient().Name:
			verdicts[k].Results[seed] = oracle
			continue
		}
		if verdicts[k].Results[seed], err = t.run(ctx, p); err != nil {
			return fmt.Errorf("scenario %s: policy %s: %w", m.Scenario.Name, p.Name, err)
		}
	}
	return nil
}
