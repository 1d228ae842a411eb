package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/advice"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/observation"
)

const (
	maxSeeds = 100
	// maxUtilization is the most that a pool can be busy for it to matter how it is
	// balanced.
	maxUtilization = 0.95
)

type adviseCommand struct {
	Pool        string  `arg:"" help:"The pool."`
	Output      string  `short:"o" enum:"table,json" default:"table" help:"table or json."`
	Seeds       int     `default:"5" help:"On how many sets of requests each candidate is played (default ${default})."`
	Utilization float64 `placeholder:"SHARE" help:"How busy the servers are in the mean, such as 0.6, where they do not report it. Default: several are tried."`
	ScenarioOut string  `placeholder:"FILE" help:"Write what was simulated as a scenario file, to be played with trimtab-lab."`
	server
}

// Validate is called by kong before Run.
func (c adviseCommand) Validate() error {
	switch {
	case c.Seeds < 1 || c.Seeds > maxSeeds:
		return fmt.Errorf("--seeds %d: must be 1 to %d", c.Seeds, maxSeeds)
	case !(c.Utilization >= 0 && c.Utilization < maxUtilization):
		return fmt.Errorf("--utilization %v: must be a share above 0 and below %v", c.Utilization, maxUtilization)
	}
	return nil
}

func (c adviseCommand) Run(ctx context.Context, s *streams) error {
	seen, err := observation.Get(ctx, c.client(), c.Pool)
	if err != nil {
		return err
	}
	said, err := advice.For(ctx, seen, advice.Options{Seeds: c.Seeds, Utilization: c.Utilization})
	if err != nil {
		return err
	}
	if err := c.write(s, &said); err != nil {
		return err
	}
	if c.ScenarioOut != "" {
		return c.writeScenario(said.Scenario)
	}
	return nil
}

func (c adviseCommand) write(s *streams, a *advice.Advice) error {
	if c.Output == "json" {
		return writeJSON(s.out, a)
	}
	return a.WriteTable(s.out, widthOf(s.out))
}

func (c adviseCommand) writeScenario(f *scenario.File) error {
	if f == nil {
		return errors.New("--scenario-out: nothing was simulated, so that there is no scenario to write")
	}
	text, err := scenario.Marshal(*f)
	if err != nil {
		return fmt.Errorf("--scenario-out: %w", err)
	}
	if err := os.WriteFile(c.ScenarioOut, text, 0o644); err != nil {
		return fmt.Errorf("--scenario-out: %w", err)
	}
	return nil
}
