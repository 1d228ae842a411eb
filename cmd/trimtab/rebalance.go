package main

import (
	"context"
	"fmt"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/printable"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
)

type rebalanceCommand struct {
	aboutPool
	DryRun bool   `help:"Say how many would be asked, from where, to where, and how long it would take; ask nobody."`
	Output string `short:"o" enum:"table,json" default:"table" help:"With --dry-run: table or json."`
}

func (c rebalanceCommand) Run(ctx context.Context, s *streams) error {
	if c.Output == "json" && !c.DryRun {
		return usageError{fmt.Errorf("-o json is for --dry-run")}
	}
	if !c.DryRun {
		return c.order(ctx, s, c.Pool, "rebalance", map[string]any{})
	}
	var estimate status.Estimate
	if err := c.client().Get(ctx, "/api/v1/pools/"+url.PathEscape(c.Pool)+"/rebalance", &estimate); err != nil {
		return err
	}
	if c.Output == "json" {
		return writeJSON(s.out, estimate)
	}
	return writeEstimate(s, estimate)
}

func writeEstimate(s *streams, e status.Estimate) error {
	if e.Connections == 0 {
		fmt.Fprintf(s.out, "pool %s: nothing to move\n", e.Pool)
	} else {
		takes := time.Duration(e.TakesSeconds * float64(time.Second)).Round(time.Second)
		fmt.Fprintf(s.out, "pool %s: %d connections would be asked to reconnect, which takes about %s\n", e.Pool, e.Connections, takes)
	}
	if e.Delayed != "" {
		fmt.Fprintf(s.out, "it takes longer as %s\n", printable.Line(e.Delayed))
	}
	if e.Held != "" {
		fmt.Fprintf(s.out, "not now: %s\n", printable.Line(e.Held))
	}
	if e.Connections == 0 {
		return nil
	}
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SERVER\tCONNECTIONS")
	for _, m := range e.From {
		fmt.Fprintf(table, "%s\t-%d\n", printable.Line(m.Backend), m.Connections)
	}
	for _, m := range e.To {
		fmt.Fprintf(table, "%s\t+%d\n", printable.Line(m.Backend), m.Connections)
	}
	return table.Flush()
}
