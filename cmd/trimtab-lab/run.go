package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/trimtab-lb/trimtab/cmd/internal/compile"
	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/realrun"
)

type runCommand struct {
	Scenario []string `required:"" type:"path" help:"Scenario file; once for each." placeholder:"FILE"`
	Seeds    int      `default:"1" help:"How many seeds, from each file's own on."`
	Policies []string `help:"Policies instead of those of the file." placeholder:"NAME,..."`
	AtOnce   int      `help:"Policies that run side by side; by default as many as this machine is likely to carry." placeholder:"N"`
	Output   string   `short:"o" enum:"table,json" default:"table" help:"Result as table or json."`
	Out      string   `type:"path" help:"Directory to write the result to as run.json, too." placeholder:"DIR"`
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
	for i, name := range c.Policies {
		if !slices.Contains(scenario.Policies(), scenario.Policy(name)) || slices.Contains(c.Policies[:i], name) {
			return fmt.Errorf("--policies %s: must be some of %v, each once", name, scenario.Policies())
		}
	}
	return nil
}

// Run is called by kong. All files are looked at before the first is run.
func (c runCommand) Run(ctx context.Context, e env) error {
	var matches []realrun.Options
	for _, name := range c.Scenario {
		m, err := c.match(name)
		if err != nil {
			return err
		}
		matches = append(matches, m)
	}
	class := beOnTime(c.Realtime)
	var summaries []simulate.Summary
	for _, m := range matches {
		_, _ = fmt.Fprintf(e.err, "%s: %s, %v of which %v warm-up, %d policies, %d seeds; %s\n",
			m.Scenario.Name, m.Proxy, m.Scenario.Duration, m.Scenario.Warmup, len(m.Policies), len(m.Seeds), class)
		m.Note = func(text string) { _, _ = fmt.Fprintf(e.err, "  %s\n", text) }
		out, err := realrun.Run(ctx, m)
		if err != nil {
			return err
		}
		summaries = append(summaries, out.Summary)
	}
	return c.report(e.out, summaries)
}

// match is what a file asks for.
func (c runCommand) match(name string) (realrun.Options, error) {
	f, err := readScenario(name)
	if err != nil {
		return realrun.Options{}, err
	}
	for i, t := range f.Traffic {
		if t.Pool() != "" {
			return realrun.Options{}, fmt.Errorf("%s: traffic[%d].pool: %w", position(name, "traffic", i), i, realrun.ErrPools)
		}
		if t.WebSockets != nil {
			return realrun.Options{}, fmt.Errorf("%s: traffic[%d]: %w", position(name, "traffic", i), i, realrun.ErrLongLived)
		}
	}
	if len(c.Policies) > 0 {
		f.Policies = nil
		for _, p := range c.Policies {
			f.Policies = append(f.Policies, scenario.Policy(p))
		}
	}
	o := realrun.Options{
		Scenario: compile.Scenario(f), Proxy: compile.Proxy(f.Proxy),
		AtOnce: c.AtOnce, HAProxy: c.HAProxy, Envoy: c.Envoy,
	}
	if o.Policies, err = compile.Policies(f.Policies); err != nil {
		return realrun.Options{}, err
	}
	for i := range c.Seeds {
		o.Seeds = append(o.Seeds, f.Seed+uint64(i))
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

// report writes the result, and fails unless all of it counts.
func (c runCommand) report(out io.Writer, summaries []simulate.Summary) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(summaries); err != nil {
		return fmt.Errorf("result: %w", err)
	}
	if c.Out != "" {
		err := os.MkdirAll(c.Out, 0o777)
		if err == nil {
			err = os.WriteFile(filepath.Join(c.Out, "run.json"), text.Bytes(), 0o666)
		}
		if err != nil {
			return fmt.Errorf("result: %w", err)
		}
	}
	var err error
	if c.Output == "json" {
		_, err = out.Write(text.Bytes())
	} else {
		err = writeRuns(out, summaries)
	}
	if err != nil {
		return err
	}
	for _, s := range summaries {
		if !s.Valid {
			return errMissed
		}
	}
	return nil
}

// writeRuns writes a table for each scenario.
func writeRuns(out io.Writer, summaries []simulate.Summary) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, s := range summaries {
		verdict := "valid"
		if !s.Valid {
			verdict = "INVALID: " + strings.Join(s.Invalid, "; ")
		}
		_, _ = fmt.Fprintf(w, "%s behind %s, %d seeds: %s\n", s.Scenario, s.Proxy, s.Seeds, verdict)
		_, _ = fmt.Fprint(w, "policy\tp50 ms\tp90 ms\tp99 ms\tp99.9 ms\terrors %\timbalance\tchanges/min\tregret\t\n")
		for _, p := range s.Policies {
			if p.Figures == nil {
				_, _ = fmt.Fprintf(w, "%s\tn/a\t\t\t\t\t\t\t\t\n", p.Name)
				continue
			}
			regret := "n/a"
			if p.Regret != nil {
				regret = fmt.Sprintf("%.2f", *p.Regret)
			}
			_, _ = fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.1f\t%.1f\t%.2f\t%.2f\t%.1f\t%s\t\n",
				p.Name, p.P50, p.P90, p.P99, p.P999, 100*p.Errors, p.Imbalance, p.WeightChanges, regret)
		}
		_, _ = fmt.Fprintln(w)
	}
	return w.Flush()
}
