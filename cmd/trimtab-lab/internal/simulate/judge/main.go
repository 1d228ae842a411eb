// Command judge compares policies in the standard scenarios and prints p99 over
// that of the weights which one who knows the capacities would set.
//
//	judge -scenarios hetero,slow-node -algorithms leastconn,random -seeds 3 -controllers equal,capacity
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/simulate"
	"github.com/trimtab-lb/trimtab/scorer"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "judge:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, log io.Writer) error {
	flags := flag.NewFlagSet("judge", flag.ContinueOnError)
	flags.SetOutput(log)
	scenarios := flags.String("scenarios", "", "comma-separated scenarios; empty is all")
	algorithms := flags.String("algorithms", "leastconn,random", "comma-separated algorithms: leastconn, random, least_request, roundrobin; with a haproxy/ or envoy/ before it, that proxy's own")
	controllers := flags.String("controllers", "equal,capacity", "comma-separated policies: oracle, capacity, auto, and those of scenario files")
	seeds := flags.Int("seeds", 3, "how many seeds")
	first := flags.Uint64("first-seed", 1, "the first seed")
	exponent := flags.Float64("exponent", 1, "weights are shares to this power")
	reports := flags.Bool("reports", false, "backends report their utilization")
	if err := flags.Parse(args); err != nil {
		return err
	}
	contest, err := contest(*scenarios, *algorithms, *controllers, *exponent)
	if err != nil {
		return err
	}
	for i := range *seeds {
		contest.Seeds = append(contest.Seeds, *first+uint64(i))
	}
	if !*reports {
		for i := range contest.Scenarios {
			contest.Scenarios[i].Reports = nil
		}
	}
	begin := time.Now()
	verdicts, err := simulate.Judge(ctx, contest)
	if err != nil {
		return err
	}
	if err := simulate.WriteTable(out, verdicts); err != nil {
		return err
	}
	events := 0
	for i := range verdicts {
		for _, r := range verdicts[i].Results {
			events += r.Events
		}
	}
	_, err = fmt.Fprintf(log, "%d events in %.1f s\n", events, time.Since(begin).Seconds())
	return err
}

func contest(scenarios, algorithms, controllers string, exponent float64) (simulate.Contest, error) {
	var c simulate.Contest
	var err error
	if c.Scenarios, err = simulate.Named(list(scenarios)...); err != nil {
		return c, err
	}
	for _, a := range list(algorithms) {
		p := simulate.Proxy{Algorithm: scorer.Algorithm(a)}
		if kind, algorithm, ok := strings.Cut(a, "/"); ok {
			p = simulate.Proxy{Kind: simulate.ProxyKind(kind), Algorithm: scorer.Algorithm(algorithm)}
		}
		c.Proxies = append(c.Proxies, p)
	}
	for _, name := range list(controllers) {
		p, err := policy(name, exponent)
		if err != nil {
			return c, err
		}
		c.Policies = append(c.Policies, p)
	}
	return c, nil
}

func policy(name string, exponent float64) (simulate.Policy, error) {
	switch name {
	case "oracle":
		return simulate.Oracle(), nil
	case "trusting":
		return simulate.PoolOf(name, scorer.Config{Trust: true}).Policy(), nil
	case "capacity", "auto":
		p := simulate.PoolOf(name, scorer.Config{Law: name})
		p.Rounder.Exponent = exponent
		return p.Policy(), nil
	default:
		return simulate.PolicyNamed(name)
	}
}

func list(commas string) []string {
	return strings.FieldsFunc(commas, func(r rune) bool { return r == ',' })
}
