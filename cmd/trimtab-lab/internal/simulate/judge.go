package simulate

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Verdict is how one policy did in one scenario under one algorithm, over all
// seeds, in the order of the seeds.
type Verdict struct {
	Scenario  string
	Algorithm scorer.Algorithm
	Policy    string
	// Results and Oracle are on the same traces.
	Results, Oracle []Result
}

// Ratios are p99 over the oracle's p99 for each seed.
func (v *Verdict) Ratios() []float64 {
	out := make([]float64, len(v.Results))
	for i := range v.Results {
		out[i] = float64(v.Results[i].P99) / float64(v.Oracle[i].P99)
	}
	return out
}

// Median is the median of the ratios, Worst the largest.
func (v *Verdict) Median() float64 { return median(v.Ratios()) }

// Worst is the largest ratio.
func (v *Verdict) Worst() float64 { return slices.Max(v.Ratios()) }

// Errors is the median error share, PushRate the median of pushes per minute
// and backend.
func (v *Verdict) Errors() float64 {
	return medianOf(v.Results, func(r *Result) float64 { return r.ErrorShare() })
}

// PushRate is the median of pushes per minute and backend.
func (v *Verdict) PushRate() float64 {
	return medianOf(v.Results, func(r *Result) float64 { return r.PushRate })
}

// P99 is the median p99.
func (v *Verdict) P99() time.Duration {
	return time.Duration(medianOf(v.Results, func(r *Result) float64 { return float64(r.P99) }))
}

func medianOf(results []Result, f func(*Result) float64) float64 {
	values := make([]float64, len(results))
	for i := range results {
		values[i] = f(&results[i])
	}
	return median(values)
}

func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// Contest is what to judge: every policy in every scenario under every
// algorithm with every seed.
type Contest struct {
	Scenarios  []Scenario
	Algorithms []scorer.Algorithm
	Seeds      []uint64
	Policies   []Policy
}

// Judge runs a contest on all processors. All policies of one scenario and seed
// see the same requests. The verdicts come in the order of scenarios, then
// algorithms, then policies, whatever finished first.
func Judge(ctx context.Context, c Contest) ([]Verdict, error) {
	verdicts := c.verdicts()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range c.Scenarios {
		for k := range c.Seeds {
			for j := range c.Algorithms {
				at := (i*len(c.Algorithms) + j) * len(c.Policies)
				mine := verdicts[at : at+len(c.Policies)]
				group.Go(func() error {
					return c.judge(ctx, &c.Scenarios[i], c.Algorithms[j], k, mine)
				})
			}
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return verdicts, nil
}

func (c *Contest) verdicts() []Verdict {
	var out []Verdict
	for i := range c.Scenarios {
		for _, a := range c.Algorithms {
			oracle := make([]Result, len(c.Seeds))
			for _, p := range c.Policies {
				out = append(out, Verdict{
					Scenario: c.Scenarios[i].Name, Algorithm: a, Policy: p.Name,
					Results: make([]Result, len(c.Seeds)), Oracle: oracle,
				})
			}
		}
	}
	return out
}

// judge runs all policies on one trace. It writes to the results of its own
// seed only.
func (c *Contest) judge(ctx context.Context, s *Scenario, a scorer.Algorithm, seed int, verdicts []Verdict) error {
	if err := s.check(); err != nil {
		return err
	}
	trace := newTrace(s, c.Seeds[seed])
	one := func(p Policy) (Result, error) {
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
		controller, err := p.New(Setup{Scenario: s, Algorithm: a})
		if err != nil {
			return Result{}, err
		}
		return run(s, a, c.Seeds[seed], controller, trace)
	}
	oracle, err := one(Oracle())
	if err != nil {
		return fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	for k, p := range c.Policies {
		verdicts[k].Oracle[seed] = oracle
		if p.Name == Oracle().Name {
			verdicts[k].Results[seed] = oracle
			continue
		}
		if verdicts[k].Results[seed], err = one(p); err != nil {
			return fmt.Errorf("scenario %s: policy %s: %w", s.Name, p.Name, err)
		}
	}
	return nil
}
