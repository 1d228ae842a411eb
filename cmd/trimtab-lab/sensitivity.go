package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/sensitivity"
)

// sensitivityCommand shows how little depends on the constants of the law.
type sensitivityCommand struct {
	Scenario  []string `placeholder:"FILE|DIR" help:"Scenario files, or directories of them (*.yaml, *.yml)."`
	Seeds     int      `default:"3" help:"How many seeds, from each file's own on; figures are medians over them."`
	Constants []string `placeholder:"NAME" help:"Constants to sweep instead of all."`
	Proxies   []string `default:"own" placeholder:"PROXY" help:"Proxies to judge behind: own is the file's, others are like haproxy/leastconn."`
	Output    string   `short:"o" enum:"table,json" default:"table" help:"Result as table or json."`
}

// simulated is what is played.
func (c sensitivityCommand) simulated() simulateCommand {
	return simulateCommand{Scenario: c.Scenario, Seeds: c.Seeds, Proxies: c.Proxies}
}

// Validate is called by kong.
func (c sensitivityCommand) Validate() error {
	if len(c.Scenario) == 0 {
		return errors.New("nothing to judge: give --scenario")
	}
	known := sensitivity.Names()
	for i, name := range c.Constants {
		if !slices.Contains(known, name) || slices.Contains(c.Constants[:i], name) {
			return fmt.Errorf("--constants %s: must be some of %s, each once", name, strings.Join(known, ", "))
		}
	}
	return c.simulated().Validate()
}

// Run is called by kong.
func (c sensitivityCommand) Run(ctx context.Context, e env) error {
	files, err := c.simulated().files()
	if err != nil {
		return err
	}
	plan, err := c.simulated().plan(files)
	if err != nil {
		return err
	}
	names := c.Constants
	if len(names) == 0 {
		names = sensitivity.Names()
	}
	progress := newProgress(e.err, "swept", sensitivity.Calls(plan.matches))
	result, err := sensitivity.Sweep(ctx, plan.matches, names, func(match int) { progress.done(plan.entries[match].File.Name) })
	progress.end()
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return result.WriteJSON(e.out)
	}
	return result.WriteTable(e.out)
}
