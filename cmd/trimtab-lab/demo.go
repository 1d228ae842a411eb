package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/charmbracelet/x/term"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/demo"
)

type demoCommand struct {
	Trimtab  string        `help:"The trimtab to demonstrate; by default the one beside this program, else the one in PATH." placeholder:"PATH"`
	Proxy    demo.Proxy    `enum:"haproxy,envoy" default:"haproxy" help:"What to show it on: haproxy or envoy."`
	HAProxy  string        `name:"haproxy" help:"The HAProxy to use; by default the system's." placeholder:"PATH"`
	Envoy    string        `help:"The Envoy to use; by default the one that TRIMTAB_ENVOY names, else the one that .ci/envoy has set up." placeholder:"PATH"`
	Seed     uint64        `default:"1" help:"Seed of the trace."`
	Warmup   time.Duration `help:"Time to learn, not counted (45s)." placeholder:"DURATION"`
	Measure  time.Duration `help:"Time that is counted (1m)." placeholder:"DURATION"`
	Demand   time.Duration `help:"Mean work of a request (20ms); the rate follows from it." placeholder:"DURATION"`
	Short    bool          `help:"Try the workings in half a minute or so, too short for the figures."`
	Plain    bool          `help:"Lines instead of a live table, also on a terminal."`
	Output   string        `short:"o" enum:"table,json" default:"table" help:"Result as table or json."`
	Realtime bool          `negatable:"" default:"true" help:"Ask for real-time priority."`
}

// Validate is called by kong.
func (c demoCommand) Validate() error {
	if c.Warmup < 0 || c.Measure < 0 || c.Demand < 0 {
		return errors.New("--warmup, --measure and --demand must not be negative")
	}
	return nil
}

// Run is called by kong.
func (c demoCommand) Run(ctx context.Context, e env) error {
	opts, err := c.options()
	if err != nil {
		return err
	}
	// The result has standard output for itself if a program reads it.
	progress := e.out
	if c.Output == "json" {
		progress = e.err
	}
	result, err := c.show(ctx, e.in, progress, opts)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		encoder := json.NewEncoder(e.out)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(result)
	} else {
		err = result.Write(e.out)
	}
	if err == nil && !result.Passed {
		return errMissed
	}
	return err
}

func (c demoCommand) options() (demo.Options, error) {
	opts := demo.Defaults()
	if c.Short {
		opts = demo.Short()
	}
	if c.Warmup > 0 {
		opts.Warmup = c.Warmup
	}
	if c.Measure > 0 {
		opts.Measure = c.Measure
	}
	if c.Demand > 0 {
		opts.MeanDemand = c.Demand
	}
	opts.Seed, opts.Proxy, opts.Binary = c.Seed, c.Proxy, c.HAProxy
	if c.Proxy == demo.Envoy {
		opts.Binary = c.Envoy
	}
	var err error
	if opts.Trimtab, err = findTrimtab(c.Trimtab); err != nil {
		return demo.Options{}, err
	}
	opts.Scheduling = beOnTime(c.Realtime, fewThreads())
	return opts, nil
}

// show runs the demo on the display that fits.
func (c demoCommand) show(ctx context.Context, in *os.File, out io.Writer, opts demo.Options) (_ demo.Result, err error) {
	file, isFile := out.(*os.File)
	if c.Plain || !isFile || !term.IsTerminal(file.Fd()) || !term.IsTerminal(in.Fd()) {
		return demo.Run(ctx, opts, demo.NewPlain(out))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	screen := demo.NewTerminal(in, out, cancel)
	defer func() { err = errors.Join(err, screen.Close()) }()
	return demo.Run(ctx, opts, screen)
}

// findTrimtab returns the program to demonstrate.
func findTrimtab(path string) (string, error) {
	if path == "" {
		if own, err := os.Executable(); err == nil {
			path = filepath.Join(filepath.Dir(own), "trimtab")
		}
		if _, err := os.Stat(path); err != nil {
			path = "trimtab"
		}
	}
	found, err := exec.LookPath(path)
	if err != nil {
		return "", fmt.Errorf("no trimtab to demonstrate, neither beside this program nor in PATH; build it (make build) or say --trimtab PATH: %w", err)
	}
	return found, nil
}
