package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
)

type explainCommand struct {
	Pool    string `arg:"" help:"The pool."`
	Backend string `arg:"" optional:"" help:"One of its backends (default: all)."`
	Output  string `short:"o" enum:"table,json" default:"table" help:"table or json."`
	server
}

func (c explainCommand) Run(ctx context.Context, s *streams) error {
	document, err := status.Get(ctx, c.client())
	if err != nil {
		return err
	}
	at := slices.IndexFunc(document.Pools, func(p status.Pool) bool { return p.Name == c.Pool })
	if at < 0 {
		var names []string
		for _, p := range document.Pools {
			names = append(names, p.Name)
		}
		return fmt.Errorf("no such pool: %q; there are %s", c.Pool, strings.Join(names, ", "))
	}
	pool := document.Pools[at]
	if c.Backend != "" {
		i := slices.IndexFunc(pool.Backends, func(b status.Backend) bool { return b.Name == c.Backend })
		if i < 0 {
			return fmt.Errorf("pool %s: no such backend: %q", c.Pool, c.Backend)
		}
		pool.Backends = pool.Backends[i : i+1]
	}
	if c.Output == "json" {
		return writeJSON(s.out, pool)
	}
	return pool.WriteExplanation(s.out, status.TableOptions{Width: widthOf(s.out)})
}
