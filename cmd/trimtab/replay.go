package main

import (
	"fmt"
	"os"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/recording"
	"github.com/trimtab-lb/trimtab/scorer"
)

type replayCommand struct {
	File   string   `arg:"" help:"What trimtab record has written; - for standard input."`
	Law    string   `placeholder:"LAW" help:"Another law: ${laws} (default: the recorded one)."`
	Set    []string `sep:"none" placeholder:"KEY=VALUE" help:"Another setting of the pool, such as limits.deadband=0.1; may be repeated."`
	Output string   `short:"o" enum:"table,json" default:"table" help:"table or json."`
}

func (c replayCommand) Run(s *streams) error {
	file, name := os.Stdin, "standard input"
	if c.File != "-" {
		var err error
		if file, err = os.Open(c.File); err != nil {
			return fmt.Errorf("recording: %w", err)
		}
		defer file.Close()
		name = c.File
	}
	r, err := recording.NewReader(name, file)
	if err != nil {
		return err
	}
	h := r.Header()
	config := h.Scorer()
	if c.Law != "" {
		config.Law = c.Law
	}
	for _, assignment := range c.Set {
		if err := recording.Set(&config, assignment); err != nil {
			return usageError{fmt.Errorf("--set %w", err)}
		}
	}
	if _, err := scorer.New(config); err != nil && (c.Law != "" || len(c.Set) > 0) {
		return usageError{err}
	}
	out, err := recording.Replay(r, config)
	if err != nil {
		return err
	}
	out.Settings = append(out.Settings, c.Set...)
	if c.Output == "json" {
		return writeJSON(s.out, out)
	}
	return out.WriteTable(s.out)
}
