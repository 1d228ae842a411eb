package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/daemon"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/haproxy"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

type attachCommand struct {
	Socket        string        `required:"" xor:"proxy" placeholder:"PATH" help:"HAProxy's stats socket: a path, or HOST:PORT."`
	EnvoyAdmin    string        `required:"" xor:"proxy" placeholder:"HOST:PORT" help:"Envoy's admin instead, or unix:PATH. It is only looked at."`
	Server        string        `default:"${xds_server}" placeholder:"HOST:PORT" help:"With --envoy-admin: where the Envoy would reach trimtab's xDS server (default ${default})."`
	Backend       []string      `placeholder:"NAME" help:"Only this backend, or cluster of Envoy; may be repeated. Default: all that can be tuned."`
	ConfigFile    string        `type:"path" placeholder:"FILE" help:"HAProxy's configuration, to read the balancing algorithms from."`
	Load          string        `placeholder:"URL" help:"Where a server's load report is, with {address}, {host} or {name} in it."`
	LoadFormat    string        `enum:"json,prometheus" default:"json" help:"json (ORCA's field names) or prometheus (default ${default})."`
	DisableAgents bool          `help:"Switch off agent-checks, which set weights too, for as long as weights are set."`
	Watch         time.Duration `default:"5s" help:"How long to watch before the table is printed (default ${default})."`
	Apply         bool          `help:"Set weights, until interrupted; then put back the weights that were found."`
	Once          bool          `help:"Print one table and end; this is what happens without --apply."`
	Output        string        `short:"o" enum:"table,json" default:"table" help:"table or json."`
	logFlags
}

// Validate is called by kong before Run.
func (c attachCommand) Validate() error {
	switch {
	case c.EnvoyAdmin != "" && c.Apply:
		return errors.New("--apply is for --socket: Envoy's admin sets no weights; without it, what lets trimtab steer is printed")
	case c.EnvoyAdmin != "" && (c.ConfigFile != "" || c.Load != ""):
		return errors.New("--config-file and --load are for --socket")
	case c.Apply && c.Once:
		return errors.New("--once only watches: it cannot go with --apply")
	case c.DisableAgents && !c.Apply:
		return errors.New("--disable-agents changes HAProxy: it needs --apply")
	case c.Watch < 2*time.Second:
		return fmt.Errorf("--watch %s: two seconds are the least that show anything", c.Watch)
	}
	return nil
}

func (c attachCommand) Run(ctx context.Context, s *streams) error {
	if c.EnvoyAdmin != "" {
		return c.lookAtEnvoy(ctx, s)
	}
	log := c.logger(s.err)
	settings, err := c.discover(ctx)
	if err != nil {
		return err
	}
	fleet := daemon.NewFleet(daemon.Options{Logger: log})
	change, err := fleet.Prepare(settings)
	if err != nil {
		return err
	}
	fleet.Swap(ctx, change)
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		fleet.Close(closing)
	}()
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(c.Watch):
	}
	if err := judgedOnce(ctx, fleet.Snapshots); err != nil {
		return err
	}
	document := status.FromSnapshots(programVersion(), fleet.Snapshots())
	if err := writeDocument(s.out, document, c.Output); err != nil {
		return err
	}
	if !c.Apply {
		return failedTargets(document)
	}
	log.Info("tuning until interrupted; then the weights that were found are put back")
	<-ctx.Done()
	return nil
}

// firstStep is how much longer than it is to watch a slow machine may take for something
// to show.
const firstStep = 20 * time.Second

// judgedOnce returns when every pool has been judged once, or cannot be read: a table
// without servers says nothing.
func judgedOnce(ctx context.Context, snapshots func() []*tuner.Snapshot) error {
	ctx, cancel := context.WithTimeout(ctx, firstStep)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		waiting := ""
		for _, s := range snapshots() {
			failed := slices.ContainsFunc(s.Targets, func(t tuner.TargetStatus) bool { return t.LastError != "" }) ||
				slices.ContainsFunc(s.Sources, func(o tuner.SourceStatus) bool { return o.LastError != "" })
			if s.Plan.Seq == 0 && !failed {
				waiting = s.Plan.Pool
			}
		}
		if waiting == "" {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return nil
			}
			return fmt.Errorf("pool %s: nothing has been learned of it in %s more than were to be watched: is this machine overloaded?", waiting, firstStep)
		}
	}
}

// closeTimeout bounds putting everything back.
const closeTimeout = 4 * time.Second

// discover asks HAProxy what can be tuned and makes a configuration of it.
func (c attachCommand) discover(ctx context.Context) (*config.Config, error) {
	found, err := c.find(ctx)
	if err != nil {
		return nil, err
	}
	return config.Attached{
		Socket: c.Socket, ConfigFile: c.ConfigFile, Backends: found,
		LoadURL: c.Load, LoadFormat: c.LoadFormat, Apply: c.Apply, DisableAgents: c.DisableAgents,
	}.Config(), nil
}

func (c attachCommand) find(ctx context.Context) ([]string, error) {
	proxy, err := haproxy.New(haproxy.Config{Socket: c.Socket, ConfigFile: c.ConfigFile})
	if err != nil {
		return nil, usageError{err}
	}
	defer proxy.Close()
	backends, err := proxy.Discover(ctx)
	if err != nil {
		return nil, err
	}
	return choose(c.Socket, backends, c.Backend)
}

// failedTargets is an error when a proxy could not be read, so that scripts see
// it.
func failedTargets(d status.Document) error {
	var errs []error
	for _, p := range d.Pools {
		for _, t := range p.Targets {
			if t.LastError != "" {
				errs = append(errs, fmt.Errorf("%s: %s", t.Name, t.LastError))
			}
		}
	}
	return errors.Join(errs...)
}

// choose picks the backends to tune, and says why when there are none.
func choose(socket string, found []haproxy.BackendInfo, wanted []string) ([]string, error) {
	known := map[string]haproxy.BackendInfo{}
	var tunable, reasons []string
	for _, b := range found {
		known[b.Name] = b
		if b.Why == "" {
			tunable = append(tunable, b.Name)
		} else {
			reasons = append(reasons, b.Name+": "+b.Why)
		}
	}
	if len(wanted) == 0 {
		if len(tunable) == 0 {
			return nil, fmt.Errorf("%s: no backend can be tuned (%s)", socket, strings.Join(reasons, "; "))
		}
		return tunable, nil
	}
	var errs []error
	for _, name := range wanted {
		b, ok := known[name]
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("%s: no backend %q; there are %s", socket, name, strings.Join(slices.Sorted(maps.Keys(known)), ", ")))
		case b.Why != "":
			errs = append(errs, fmt.Errorf("%s: backend %s cannot be tuned: %s", socket, name, b.Why))
		}
	}
	return wanted, errors.Join(errs...)
}
