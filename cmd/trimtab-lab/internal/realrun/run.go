package realrun

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/load"
)

// Run runs a scenario and returns what it found, valid or not. Everything that it
// has started has ended when it returns.
func Run(ctx context.Context, o Options) (Outcome, error) {
	if err := o.check(); err != nil {
		return Outcome{}, err
	}
	var out Outcome
	verdicts, entries := o.entries()
	for _, seed := range o.Seeds {
		runs, err := o.seed(ctx, entries, seed)
		if err != nil {
			return Outcome{}, fmt.Errorf("scenario %s: seed %d: %w", o.Scenario.Name, seed, err)
		}
		out.Runs = append(out.Runs, runs...)
	}
	out.Summary = o.summary(verdicts, out.Runs)
	return out, nil
}

// entries has a verdict for each policy, and what can be run of them: the
// omniscient one, which the others are measured by, always.
func (o *Options) entries() ([]simulate.Verdict, []entry) {
	var verdicts []simulate.Verdict
	var entries []entry
	for _, p := range o.Policies {
		v := simulate.Verdict{Scenario: o.Scenario.Name, Proxy: o.Proxy, Policy: p.Name}
		e, err := o.entryOf(p)
		if err != nil {
			v.NotApplicable = err.Error()
		} else {
			entries = append(entries, e)
		}
		verdicts = append(verdicts, v)
	}
	known := simulate.Omniscient()
	if !slices.ContainsFunc(entries, func(e entry) bool { return e.policy.Name == known.Name }) {
		entries = append(entries, entry{policy: known, proxy: o.Proxy})
	}
	return verdicts, entries
}

// seed runs all policies on one trace, group after group.
func (o *Options) seed(ctx context.Context, entries []entry, seed uint64) ([]PolicyRun, error) {
	trace, err := o.trace(seed)
	if err != nil {
		return nil, err
	}
	var out []PolicyRun
	for group := range slices.Chunk(entries, o.together(len(trace.Arrivals))) {
		runs, err := o.group(ctx, group, trace, seed)
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

// trace is what the simulation sees with that seed.
func (o *Options) trace(seed uint64) (load.Trace, error) {
	arrivals, err := simulate.Arrivals(&o.Scenario, seed)
	if err != nil {
		return load.Trace{}, err
	}
	t := load.Trace{Arrivals: make([]load.Arrival, len(arrivals))}
	var work time.Duration
	for i, a := range arrivals {
		t.Arrivals[i] = load.Arrival{At: a.At, Demand: a.Work, Wait: a.Wait, To: a.Proxy}
		work += a.Work
	}
	t.MeanDemand = work / time.Duration(max(len(arrivals), 1))
	return t, nil
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
