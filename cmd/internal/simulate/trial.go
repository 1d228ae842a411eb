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
	proxy, err := p.proxy(t.proxy)
	if err != nil {
		return Result{}, err
	}
	controller, err := p.New(Setup{Scenario: t.scenario, Proxy: proxy})
	if err != nil {
		return Result{}, err
	}
	return (&run{
		scenario: t.scenario, proxy: proxy, seed: t.seed,
		controller: controller, trace: t.trace, record: t.record,
	}).do()
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

// applicable returns an error when the policy cannot run there; any other error
// is left to the run itself.
func (p *Policy) applicable(s *Scenario, proxy Proxy) error {
	if len(p.Variants) > 0 {
		return nil
	}
	proxy, err := p.proxy(proxy)
	if err == nil {
		_, err = p.New(Setup{Scenario: s, Proxy: proxy})
	}
	if errors.Is(err, ErrNotApplicable) {
		return err
	}
	return nil
}
