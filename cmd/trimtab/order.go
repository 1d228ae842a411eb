package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/client"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/token"
)

// server is a running trimtab that a command speaks to.
type server struct {
	Addr       string `default:"127.0.0.1:9902" placeholder:"HOST:PORT" help:"Where trimtab's admin server listens (default ${default})."`
	token.Flag `embed:""`
}

func (s server) client() client.Client { return client.Client{Addr: s.Addr, Token: s.Flag} }

// orderFlags are what every order has.
type orderFlags struct {
	server
	Who string `placeholder:"NAME" help:"Who orders it, for the log (default: the user of this shell)."`
	Why string `placeholder:"TEXT" help:"Why, for whoever finds it."`
}

// order asks for it and says what was done.
func (f orderFlags) order(ctx context.Context, s *streams, pool, verb string, body map[string]any) error {
	if f.Who == "" {
		f.Who = caller()
	}
	body["who"], body["why"] = f.Who, f.Why
	var answer struct{ Done, Warning string }
	if err := f.client().Post(ctx, "/api/v1/pools/"+url.PathEscape(pool)+"/"+verb, body, &answer); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "pool %s: %s\n", pool, answer.Done)
	if answer.Warning != "" {
		fmt.Fprintln(s.err, "warning:", answer.Warning)
	}
	return nil
}

// caller is the person at this shell.
func caller() string {
	for _, name := range []string{"SUDO_USER", "USER", "LOGNAME"} {
		if who := os.Getenv(name); who != "" {
			return who
		}
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}

type pinCommand struct {
	Pool    string  `arg:"" help:"The pool."`
	Backend string  `arg:"" help:"The backend."`
	Weight  float64 `arg:"" help:"The weight, 1 being the mean of the pool."`
	orderFlags
}

func (c pinCommand) Run(ctx context.Context, s *streams) error {
	return c.order(ctx, s, c.Pool, "pin", map[string]any{"backend": c.Backend, "weight": c.Weight})
}

type unpinCommand struct {
	Pool    string `arg:"" help:"The pool."`
	Backend string `arg:"" help:"The backend."`
	orderFlags
}

func (c unpinCommand) Run(ctx context.Context, s *streams) error {
	return c.order(ctx, s, c.Pool, "unpin", map[string]any{"backend": c.Backend})
}

// aboutBackends is an order for some backends at once: all of them, or none.
type aboutBackends struct {
	Pool     string   `arg:"" help:"The pool."`
	Backends []string `arg:"" name:"backend" help:"The backends, one or several: for all of them, or for none if it cannot be."`
	orderFlags
}

type undrainCommand struct{ aboutBackends }

func (c undrainCommand) Run(ctx context.Context, s *streams) error {
	return c.order(ctx, s, c.Pool, "undrain", map[string]any{"backends": c.Backends})
}

type drainCommand struct {
	aboutBackends
	Over  time.Duration `placeholder:"TIME" help:"Ask the connections that are there to reconnect, evenly over this time, for example 5m. Without it they leave in their own time."`
	Force bool          `help:"Also the last backend that takes work, and what the others cannot hold."`
}

func (c drainCommand) Run(ctx context.Context, s *streams) error {
	body := map[string]any{"backends": c.Backends, "force": c.Force}
	if c.Over != 0 {
		body["over"] = c.Over.String()
	}
	return c.order(ctx, s, c.Pool, "drain", body)
}

// aboutPool is an order for a whole pool.
type aboutPool struct {
	Pool string `arg:"" help:"The pool."`
	orderFlags
}

type (
	freezeCommand   struct{ aboutPool }
	unfreezeCommand struct{ aboutPool }
)

func (c freezeCommand) Run(ctx context.Context, s *streams) error {
	return c.order(ctx, s, c.Pool, "freeze", map[string]any{})
}

func (c unfreezeCommand) Run(ctx context.Context, s *streams) error {
	return c.order(ctx, s, c.Pool, "unfreeze", map[string]any{})
}

type dryRunCommand struct {
	Pool string `arg:"" help:"The pool."`
	Mode string `arg:"" enum:"on,off" help:"on: plans are made and shown, nothing is changed; off: they are carried out."`
	orderFlags
}

func (c dryRunCommand) Run(ctx context.Context, s *streams) error {
	return c.order(ctx, s, c.Pool, "dry-run", map[string]any{"on": c.Mode == "on"})
}
