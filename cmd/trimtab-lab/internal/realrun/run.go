package realrun

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

// Run runs a scenario and returns what it found, valid or not. Everything that it
// has started has ended when it returns.
func Run(ctx context.Context, o Options) (Outcome, error) {
	if err := o.check(); err != nil {
		return Outcome{}, err
	}
	var out Outcome
	verdicts, entries, err := o.entries()
	if err != nil {
		return Outcome{}, err
	}
	for _, seed := range o.Seeds {
		runs, err := o.seed(ctx, entries, seed)
		if err != nil {
			return Outcome{}, fmt.Errorf("scenario %s: seed %d: %w", o.Scenario.Name, seed, err)
		}
		out.Runs = append(out.Runs, runs...)
	}
	out.Summary, out.Verdicts = o.summary(verdicts, out.Runs), verdicts
	return out, nil
}

// entries has a verdict for each policy, and what can be run of them: the
// omniscient one, which the others are measured by, always.
func (o *Options) entries() ([]simulate.Verdict, []entry, error) {
	var verdicts []simulate.Verdict
	var entries []entry
	for _, p := range o.Policies {
		v := simulate.Verdict{Scenario: o.Scenario.Name, Proxy: o.Proxy, Policy: p.Name, Sockets: !hasRequests(&o.Scenario), Clients: clients(&o.Scenario) > 0}
		e, err := o.entryOf(p)
		switch {
		case errors.Is(err, simulate.ErrNotApplicable):
			v.NotApplicable = err.Error()
		case err != nil:
			return nil, nil, fmt.Errorf("policy %s: %w", p.Name, err)
		default:
			entries = append(entries, e)
		}
		verdicts = append(verdicts, v)
	}
	known := simulate.Omniscient()
	if !slices.ContainsFunc(entries, func(e entry) bool { return e.policy.Name == known.Name }) {
		entries = append(entries, entry{policy: known, proxy: o.Proxy})
	}
	return verdicts, entries, nil
}

// seed runs all policies on one trace, group after group.
func (o *Options) seed(ctx context.Context, entries []entry, seed uint64) ([]PolicyRun, error) {
	d, err := o.draw(seed)
	if err != nil {
		return nil, err
	}
	together, err := o.together(d)
	if err != nil {
		return nil, err
	}
	var out []PolicyRun
	for group := range slices.Chunk(entries, together) {
		runs, err := o.group(ctx, group, d)
		if err != nil {
			return nil, err
		}
		for i := range runs {
			o.note("%v", &runs[i])
		}
		out = append(out, runs...)
	}
	return out, nil
}

// summary puts all runs together.
func (o *Options) summary(verdicts []simulate.Verdict, runs []PolicyRun) simulate.Summary {
	of := func(policy string) []simulate.Result {
		var out []simulate.Result
		for i := range runs {
			if runs[i].Policy == policy {
				out = append(out, runs[i].simulated())
			}
		}
		return out
	}
	oracle := of(simulate.Omniscient().Name)
	for i := range verdicts {
		v := &verdicts[i]
		v.Oracle = oracle
		if v.NotApplicable == "" {
			v.Results = of(v.Policy)
		}
	}
	out := simulate.Summarize(verdicts)[0]
	out.Run = string(o.Proxy.Kind)
	for i := range runs {
		out.Invalid = append(out.Invalid, runs[i].Invalid()...)
	}
	out.Valid = len(out.Invalid) == 0
	return out
}
