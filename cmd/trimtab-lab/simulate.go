package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/judgement"
)

// simulateCommand judges policies by scenario files in simulation.
type simulateCommand struct {
	Scenario []string `placeholder:"FILE|DIR" help:"Scenario files, or directories of them (*.yaml, *.yml)."`
	Draw     int      `placeholder:"N" help:"Also judge N scenarios made up at random."`
	DrawSeed uint64   `default:"1" help:"Seed of the first of those; the others have the ones after it."`
	Seeds    int      `default:"1" help:"How many seeds, from each file's own on; figures are medians over them."`
	Policies []string `placeholder:"NAME" help:"Policies to judge instead of those that the files list."`
	Proxies  []string `default:"own" placeholder:"PROXY" help:"Proxies to judge behind: own is the file's, others are like haproxy/leastconn."`
	Figures  bool     `help:"Also judge the files behind each kind of proxy, and show what is asked of trimtab beside what it reached."`
	Charts   []string `default:"worst" placeholder:"NAME" help:"Scenarios with charts on the page: names, all, none, or worst, where trimtab's regret is largest."`
	Output   string   `short:"o" enum:"table,json,html" default:"table" help:"Result as table, json or html."`
	Out      string   `placeholder:"DIR" help:"Also write judge.json and judge.html there."`
	Readme   string   `placeholder:"FILE" help:"Also put a table between the markers of a Markdown file."`
}

// ownProxy stands for the file's.
const ownProxy = "own"

// Validate is called by kong.
func (c simulateCommand) Validate() error {
	switch {
	case len(c.Scenario) == 0 && c.Draw == 0:
		return errors.New("nothing to judge: give --scenario or --draw")
	case c.Draw < 0:
		return fmt.Errorf("--draw %d: must not be negative", c.Draw)
	case c.Seeds < 1:
		return fmt.Errorf("--seeds %d: must be at least 1", c.Seeds)
	}
	if err := knownPolicies(c.Policies); err != nil {
		return err
	}
	return knownProxies(c.Proxies)
}

// knownProxies checks what --proxies says.
func knownProxies(names []string) error {
	for i, name := range names {
		if _, known := proxyNamed(name); !known && name != ownProxy || slices.Contains(names[:i], name) {
			return fmt.Errorf("--proxies %s: must be some of %s, %s, each once", name, ownProxy, join(judgement.Behind(), judgement.ProxyName))
		}
	}
	return nil
}

// knownPolicies checks what --policies says.
func knownPolicies(names []string) error {
	for i, name := range names {
		if !slices.Contains(scenario.Policies(), scenario.Policy(name)) || slices.Contains(names[:i], name) {
			return fmt.Errorf("--policies %s: must be some of %s, each once", name, join(scenario.Policies(), func(p scenario.Policy) string { return string(p) }))
		}
	}
	return nil
}

func join[T any](all []T, name func(T) string) string {
	names := make([]string, len(all))
	for i := range all {
		names[i] = name(all[i])
	}
	return strings.Join(names, ", ")
}

func proxyNamed(name string) (scenario.Proxy, bool) {
	for _, p := range judgement.Behind() {
		if name == judgement.ProxyName(p) {
			return p, true
		}
	}
	return scenario.Proxy{}, false
}

// Run is called by kong.
func (c simulateCommand) Run(ctx context.Context, e env) error {
	files, err := c.files()
	if err != nil {
		return err
	}
	plan, err := c.plan(files)
	if err != nil {
		return err
	}
	result, err := plan.play(ctx, e.err)
	if err != nil {
		return err
	}
	if c.Output == outputHTML || c.Out != "" {
		if err := result.draw(ctx, c.Charts, e.err); err != nil {
			return err
		}
	}
	if err := result.intoReadme(c.Readme); err != nil {
		return err
	}
	if err := result.save(c.Out, "judge"); err != nil {
		return err
	}
	return result.write(e.out, c.Output)
}
