// Command trimtab keeps the weights of load balancers true to what their
// backends can do.
//
// It learns how strong each backend is from what the proxy counts, and moves
// the proxy's weights a little; the proxy that is already there does the
// balancing. If trimtab ends, the last weights stay.
//
// Exit codes: 0 fine, 1 failed, 2 called in a way it does not understand.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/trimtab-lb/trimtab/scorer"
)

// version is set when a release is built.
var version = ""

// collectAt makes the garbage collector run when the heap has grown by a
// tenth. There is little garbage, and a guest beside a proxy owes
// it memory rather than a little of its own time. GOGC in the environment wins.
const collectAt = 10

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

const (
	exitFine   = 0
	exitFailed = 1
	exitUsage  = 2
)

// commands is the command line.
type commands struct {
	Run     runCommand     `cmd:"" help:"Tune the pools of a configuration file."`
	Attach  attachCommand  `cmd:"" help:"Look at a running HAProxy, and tune it with --apply; or look at a running Envoy."`
	Check   checkCommand   `cmd:"" help:"Validate a configuration file and print what it means."`
	Status  statusCommand  `cmd:"" help:"Show what a running trimtab does and why."`
	Explain explainCommand `cmd:"" help:"Show what a pool's scores and weights are made of."`
	Events  eventsCommand  `cmd:"" help:"Show what happened, and with -f what happens."`
	Advise  adviseCommand  `cmd:"" help:"Say which balancing algorithm fits a pool, from what was seen of it."`
	Record  recordCommand  `cmd:"" help:"Record what a pool is told and decides, for replay."`
	Replay  replayCommand  `cmd:"" help:"Show what another law, or other settings, would have decided on a recording."`
	Agent   agentCommand   `cmd:"" help:"Report the load of the server beside it, for one that cannot report its own."`

	Pin       pinCommand       `cmd:"" group:"Orders:" help:"Give a backend one weight that nothing moves."`
	Unpin     unpinCommand     `cmd:"" group:"Orders:" help:"Take a pin back."`
	Drain     drainCommand     `cmd:"" group:"Orders:" help:"Send backends no new work, and have their connections leave over some time."`
	Undrain   undrainCommand   `cmd:"" group:"Orders:" help:"Send them work again, slowly at first."`
	Rebalance rebalanceCommand `cmd:"" group:"Orders:" help:"Ask connections to reconnect, once, until every backend holds its share."`
	Freeze    freezeCommand    `cmd:"" group:"Orders:" help:"Keep every weight and state of a pool as it is."`
	Unfreeze  unfreezeCommand  `cmd:"" group:"Orders:" help:"Let them move again."`
	DryRun    dryRunCommand    `cmd:"" name:"dry-run" group:"Orders:" help:"Make and show plans, but change nothing; or carry them out again."`

	HAProxy haproxyCommand `cmd:"" name:"haproxy" help:"Change the algorithm of a backend in HAProxy's configuration, or see what to add to it."`
	Envoy   envoyCommand   `cmd:"" help:"Print configurations of Envoy."`
	XDS     xdsCommand     `cmd:"" name:"xds" help:"See what an xDS server serves."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// streams are where a command writes.
type streams struct{ out, err io.Writer }

// usageError is an error in how trimtab was called.
type usageError struct{ error }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var cli commands
	exited, code := false, exitFine
	parser, err := kong.New(&cli,
		kong.Name("trimtab"),
		kong.Description("Keeps the weights of HAProxy and Envoy true to what their servers can do."),
		kong.Writers(stdout, stderr),
		kong.Vars{"xds_server": defaultXDSServer, "laws": strings.Join(scorer.Laws(), ", ")},
		kong.Exit(func(c int) { exited, code = true, c }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		fmt.Fprintln(stderr, "trimtab:", err)
		return exitFailed
	}
	parsed, err := parser.Parse(args)
	if exited { // --help has been answered
		return code
	}
	if err != nil {
		fmt.Fprintf(stderr, "trimtab: %v\nRun \"trimtab --help\" for what there is.\n", err)
		return exitUsage
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.Bind(&streams{stdout, stderr})
	err = parsed.Run()
	if _, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintln(stderr, "trimtab:", err)
		return exitUsage
	}
	if err != nil {
		fmt.Fprintln(stderr, "trimtab:", err)
		return exitFailed
	}
	return exitFine
}

// programVersion is the release's, or what the Go toolchain knows of a build
// from source.
func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
