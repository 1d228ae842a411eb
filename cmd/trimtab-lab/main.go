// Command trimtab-lab judges tuning: it runs real HAProxies and Envoys
// in front of emulated backends, under load that can be repeated.
//
//	trimtab-lab demo        what trimtab does to a tail, shown on three proxies side by side
//	trimtab-lab serve       emulated backends, for experiments of one's own
//	trimtab-lab load        open-loop load on any URL
//	trimtab-lab simulate    policies judged by scenario files, fast and repeatably
//	trimtab-lab run         policies judged by scenario files on real proxies
//	trimtab-lab sensitivity how little depends on the law's constants, by scenario files
//	trimtab-lab scenario    checks, schema and random draws of scenario files
//
// It exits with 0 if all is well, 1 if something failed, was missed or is
// INVALID, and 2 on wrong usage.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/realtime"
)

const (
	exitFine   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], env{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}

// env is what a command has of the world.
type env struct {
	in       *os.File
	out, err io.Writer
}

// commands are the command line.
type commands struct {
	Demo  demoCommand  `cmd:"" help:"Show on three real HAProxies or Envoys what trimtab does, in less than five minutes."`
	Serve serveCommand `cmd:"" help:"Serve emulated backends until interrupted."`
	Load  loadCommand  `cmd:"" help:"Put open-loop load on a URL and report latencies."`

	Simulate    simulateCommand    `cmd:"" help:"Judge policies by scenario files in simulation, thousands of times faster than real time."`
	Run         runCommand         `cmd:"" help:"Judge policies by scenario files on real HAProxies and Envoys."`
	Sensitivity sensitivityCommand `cmd:"" help:"Show in simulation how little depends on the constants of the law."`
	Scenario    scenarioCommand    `cmd:"" help:"Check scenario files, print their schema, draw one at random."`
}

// errMissed ends a command that has already said what is wrong.
var errMissed = errors.New("missed or INVALID")

// run is main without the process.
func run(ctx context.Context, args []string, e env) int {
	exited := -1
	var line commands
	parser, err := kong.New(&line, kong.Name("trimtab-lab"),
		kong.Description("Judges tuning with real proxies, emulated backends and load that can be repeated."),
		kong.Writers(e.out, e.err), kong.UsageOnError(), kong.Exit(func(code int) { exited = code }))
	if err != nil {
		return failed(e, err, exitFailed)
	}
	command, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err != nil {
		return failed(e, fmt.Errorf("%w (try --help)", err), exitUsage)
	}
	command.BindTo(ctx, (*context.Context)(nil))
	switch err := command.Run(e); {
	case err == nil:
		return exitFine
	case errors.Is(err, errMissed):
		return exitFailed
	case errors.Is(err, context.Canceled): // by a signal, or by a key
		return failed(e, errors.New("interrupted"), exitFailed)
	default:
		return failed(e, err, exitFailed)
	}
}

func failed(e env, err error, code int) int {
	_, _ = fmt.Fprintf(e.err, "trimtab-lab: %v\n", err)
	return code
}

const (
	// garbagePercent trades memory for fewer collections, each of which makes
	// somebody late.
	garbagePercent = 400
	// maxThreads is enough for all that is emulated and sent here.
	maxThreads = 2
)

// fewThreads, on two cores, is one, which costs a quarter less processor time than
// two that wake each other, and leaves the other core to HAProxy.
func fewThreads() int { return min(maxThreads, max(1, runtime.NumCPU()/2)) }

// manyThreads is for what keeps most of one busy: with 600 requests and 1,000
// messages a second on two cores that others use, too, one is 2.5 ms late at p99
// and two are 0.7 ms.
func manyThreads() int { return min(maxThreads, runtime.NumCPU()) }

// beOnTime prepares this process for measuring. Without real-time priority
// measurements are worth less on a busy machine, and INVALID if they are worth
// nothing. GOMAXPROCS, where it is set, is respected.
func beOnTime(wantRealtime bool, threads int) realtime.Class {
	debug.SetGCPercent(garbagePercent)
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(threads)
	}
	if !wantRealtime {
		return realtime.Normal
	}
	class, _ := realtime.Enter()
	return class
}
