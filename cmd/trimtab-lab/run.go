package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/trimtab-lb/trimtab/cmd/internal/compile"
	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/judgement"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/page"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/realrun"
)

// runCommand judges policies by scenario files on real proxies.
type runCommand struct {
	Scenario []string `required:"" placeholder:"FILE|DIR" help:"Scenario files, or directories of them (*.yaml, *.yml)."`
	Seeds    int      `default:"1" help:"How many seeds, from each file's own on; figures are medians over them."`
	Policies []string `placeholder:"NAME" help:"Policies to judge instead of those that the files list."`
	Proxies  []string `default:"own" placeholder:"PROXY" help:"Proxies to judge behind: own is the file's, others are like envoy/least_request."`
	AtOnce   int      `placeholder:"N" help:"Policies that run side by side; by default as many as this machine is likely to carry."`
	Output   string   `short:"o" enum:"table,json,html" default:"table" help:"Result as table, json or html."`
	Out      string   `placeholder:"DIR" help:"Also write run.json and run.html there, after each scenario."`
	Trimtab  string   `help:"The trimtab to judge; by default the one beside this program, else the one in PATH." placeholder:"PATH"`
	HAProxy  string   `name:"haproxy" help:"The HAProxy to use; by default the system's." placeholder:"PATH"`
	Envoy    string   `help:"The Envoy to use; by default the one that TRIMTAB_ENVOY names, else the one that .ci/envoy has set up." placeholder:"PATH"`
	Realtime bool     `negatable:"" default:"true" help:"Ask for real-time priority."`
}

// Validate is called by kong.
func (c runCommand) Validate() error {
	if c.Seeds < 1 || c.AtOnce < 0 {
		return errors.New("--seeds must be at least 1, --at-once not negative")
	}
	if err := knownPolicies(c.Policies); err != nil {
		return err
	}
	return knownProxies(c.Proxies)
}

// Run is called by kong. All files are looked at before the first is run.
func (c runCommand) Run(ctx context.Context, e env) error {
	files, err := readScenarios(c.Scenario)
	if err != nil {
		return err
	}
	if err := unique(files); err != nil {
		return err
	}
	entries, matches, err := c.matches(files)
	if err != nil {
		return err
	}
	class := beOnTime(c.Realtime, manyThreads())
	var result findings
	for i, m := range matches {
		_, _ = fmt.Fprintf(e.err, "%s: %s, %v of which %v warm-up, %d policies, %d seeds; %s\n",
			m.Scenario.Name, m.Proxy, m.Scenario.Duration, m.Scenario.Warmup, len(m.Policies), len(m.Seeds), class)
		m.Note = func(text string) { _, _ = fmt.Fprintf(e.err, "  %s\n", text) }
		out, err := realrun.Run(ctx, m)
		if err != nil {
			return err
		}
		result.add(entries[i], out)
		if err := result.save(c.Out, "run"); err != nil {
			return err
		}
	}
	if err := result.write(e.out, c.Output); err != nil {
		return err
	}
	if slices.ContainsFunc(result.entries, func(e judgement.Entry) bool { return !e.Valid }) {
		return errMissed
	}
	return nil
}

// add is for a scenario that has been run, all of which is shown.
func (f *findings) add(e judgement.Entry, o realrun.Outcome) {
	e.Summary = o.Summary
	f.entries, f.shown = append(f.entries, e), f.shown+1
	f.charts = append(f.charts, page.Chart{Entry: e, Verdicts: o.Verdicts})
}

// matches are what is to be run, each file behind each proxy once, and entries
// without results parallel to them.
func (c runCommand) matches(files []source) ([]judgement.Entry, []realrun.Options, error) {
	var entries []judgement.Entry
	var out []realrun.Options
	for _, f := range files {
		f.askFor(c.Policies)
		var seen []string
		for _, name := range c.Proxies {
			e := entryBehind(f, name)
			if slices.Contains(seen, compile.Behind(e.File)) {
				continue // own is that one
			}
			seen = append(seen, compile.Behind(e.File))
			m, err := c.match(source{from: f.from, File: e.File})
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", f.from, err)
			}
			entries, out = append(entries, e), append(out, m)
		}
	}
	return entries, out, nil
}

// match is what a file asks for.
func (c runCommand) match(f source) (realrun.Options, error) {
	m, err := compile.Match(f.File, c.Seeds)
	if err != nil {
		return realrun.Options{}, err
	}
	for i, t := range f.Traffic {
		if t.Pool() != "" {
			return realrun.Options{}, fmt.Errorf("%s: traffic[%d].pool: %w", position(f.from, "traffic", i), i, realrun.ErrPools)
		}
	}
	o := realrun.Options{
		Scenario: m.Scenario, Proxy: m.Proxy, Policies: m.Policies, Seeds: m.Seeds,
		AtOnce: c.AtOnce, HAProxy: c.HAProxy, Envoy: c.Envoy,
	}
	for _, p := range f.Policies {
		if p == scenario.PolicyTrimtab || p == scenario.PolicyTrimtabNoReports {
			if o.Trimtab, err = findTrimtab(c.Trimtab); err != nil {
				return realrun.Options{}, err
			}
		}
	}
	return o, nil
}
