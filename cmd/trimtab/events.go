package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/printable"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/events"
)

type eventsCommand struct {
	Follow bool   `short:"f" help:"Go on with what happens, until interrupted."`
	Pool   string `placeholder:"NAME" help:"Only events of this pool."`
	Output string `short:"o" enum:"table,json" default:"table" help:"table, or json: one object a line."`
	server
}

func (c eventsCommand) Run(ctx context.Context, s *streams) error {
	query := url.Values{}
	if !c.Follow {
		query.Set("follow", "0")
	}
	if c.Pool != "" {
		query.Set("pool", c.Pool)
	}
	err := c.client().Stream(ctx, "/api/v1/events?"+query.Encode(), func(data []byte) error {
		if c.Output == "json" {
			_, err := fmt.Fprintf(s.out, "%s\n", data)
			return err
		}
		var e events.Event
		if err := json.Unmarshal(data, &e); err != nil {
			return fmt.Errorf("an event that is none: %w", err)
		}
		_, err := fmt.Fprintln(s.out, line(e))
		return err
	})
	switch {
	case errors.Is(err, context.Canceled):
		return nil // that is how following ends
	case err == nil && c.Follow && ctx.Err() == nil:
		return fmt.Errorf("trimtab at %s: ended the stream: it was stopped or restarted", c.client().Addr)
	}
	return err
}

// line is an event for people: when, where, what.
func line(e events.Event) string {
	words := []string{e.At.Local().Format(time.DateTime), e.Kind}
	for _, place := range []string{e.Pool, e.Backend, e.Target} {
		if place != "" {
			words = append(words, place)
		}
	}
	return printable.Line(strings.Join(words, " ") + ": " + e.Text)
}
