package simulate

import (
	"context"
	"errors"
)

// trial is one scenario, proxy and seed, which all policies see alike.
type trial struct {
	scenario *Scenario
	proxy    Proxy // complete
	seed     uint64
	trace    []request
	record   bool
}

// One judges one policy by one trace, beside nobody else. Errors are those of the
// policy, and the context's when it has ended before.
func One(ctx context.Context, s *Scenario, p Proxy, seed uint64, policy Policy) (Result, error) {
	if err := errors.Join(s.check(), p.check()); err != nil {
		return Result{}, err
	}
	t := trial{scenario: s, proxy: p.withDefaults(), seed: seed, trace: newTrace(s, seed)}
	return t.run(ctx, policy)
}

// run returns a policy's result, or the best of its variants'.
func (t *trial) run(ctx context.Context, p Policy) (Result, error) {
	if len(p.Variants) == 0 {
		return t.one(ctx, p)
	}
	var best Result
	for i := range p.Variants {
		r, err := t.one(ctx, p.Variants[i])
		if err != nil {
			return Result{}, err
		}
		if i == 0 || t.score(&r) < t.score(&best) {
			best = r
		}
	}
	return best, nil
}

// score is what is best when it is least.
func (t *trial) score(r *Result) float64 {
	if len(t.scenario.streams()) == 0 {
		return r.Imbalance
	}
	return float64(r.P99)
}

func (t *trial) one(ctx context.Context, p Policy) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	by, err := p.steer(t.scenario, t.proxy)
	if err != nil {
		return Result{}, err
	}
	return (&run{scenario: t.scenario, seed: t.seed, by: by, trace: t.trace, record: t.record}).do()
}

// steer makes a controller for each pool.
func (p *Policy) steer(s *Scenario, proxy Proxy) ([]steered, error) {
	pools := s.pools()
	out := make([]steered, len(pools))
	for i := range pools {
		own, err := p.proxy(pools[i].behind(proxy))
		if err != nil {
			return nil, err
		}
		controller, err := p.New(Setup{Scenario: s.seenBy(&pools[i]), Proxy: own})
		if err != nil {
			return nil, err
		}
		out[i] = steered{own, controller}
	}
	return out, nil
}

func (p *Policy) proxy(of Proxy) (Proxy, error) {
	if p.Proxy == nil {
		return of, nil
	}
	out, err := p.Proxy(of)
	if err != nil {
		return of, err
	}
	return out.withDefaults(), nil
}

// applicable returns an error when there is a pool that the policy cannot run in;
// any other error is left to the run itself.
func (p *Policy) applicable(s *Scenario, proxy Proxy) error {
	if len(p.Variants) > 0 {
		return nil
	}
	if _, err := p.steer(s, proxy); errors.Is(err, ErrNotApplicable) {
		return err
	}
	return nil
}
