// Command grpc is a gRPC client without a proxy: it takes its servers and their
// weights from trimtab, calls them at a steady rate, and prints how the calls were
// shared.
//
//	GRPC_XDS_BOOTSTRAP=bootstrap.json ─▶ xds:///web ─▶ health checks ─▶ shares, once a second
//
// It is there to be looked at and copied from. It is not a load generator: a call
// that would exceed the number in flight is not made.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
	_ "google.golang.org/grpc/xds" // for targets that begin with xds:
)

const (
	callTimeout = 5 * time.Second
	maxInFlight = 100
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "grpc:", err)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("grpc", flag.ContinueOnError)
	target := flags.String("target", "xds:///web", "whom to call")
	rate := flags.Int("rate", 100, "calls per second, 1 to 10000")
	every := flags.Duration("every", time.Second, "how often to print the shares")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *rate < 1 || *rate > 10_000 || *every <= 0 {
		return fmt.Errorf("rate %d, every %s: a rate is 1 to 10000 and a period above 0", *rate, *every)
	}
	connection, err := grpc.NewClient(*target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("%s: %w", *target, err)
	}
	defer connection.Close()
	c := caller{client: healthv1.NewHealthClient(connection), shares: newShares()}
	return c.run(ctx, time.Second/time.Duration(*rate), *every, out)
}

// caller makes calls and counts them.
type caller struct {
	client healthv1.HealthClient
	shares *shares
}

func (c caller) run(ctx context.Context, gap, every time.Duration, out io.Writer) error {
	calls, prints := time.NewTicker(gap), time.NewTicker(every)
	defer calls.Stop()
	defer prints.Stop()
	free := make(chan struct{}, maxInFlight)
	// Those in flight are waited for, so that ending makes no call fail.
	defer func() {
		for range maxInFlight {
			free <- struct{}{}
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-prints.C:
			if _, err := fmt.Fprintln(out, c.shares.take()); err != nil {
				return fmt.Errorf("print: %w", err)
			}
		case <-calls.C:
			select {
			case free <- struct{}{}:
				go func() {
					defer func() { <-free }()
					c.call(context.WithoutCancel(ctx))
				}()
			default:
			}
		}
	}
}

func (c caller) call(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var server peer.Peer
	_, err := c.client.Check(ctx, &healthv1.HealthCheckRequest{}, grpc.Peer(&server), grpc.WaitForReady(true))
	if err != nil {
		c.shares.failed(err)
		return
	}
	c.shares.answered(server.Addr.String())
}
