package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/events"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/notify"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/observation"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/state"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/token"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/web"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
	"github.com/trimtab-lb/trimtab/xds"
)

// eventReload is a configuration that was read again.
const eventReload tuner.EventKind = "reload"

// closeTimeout bounds the end of everything but the admin server, which has its
// own 5 s beside it.
const closeTimeout = 4 * time.Second

// Settings describe a daemon.
type Settings struct {
	// ConfigFile is read at the start and at each reload.
	ConfigFile string
	Version    string
	Logger     *slog.Logger
	// Notifier is the service manager; nil for none.
	Notifier *notify.Notifier
}

// Daemon runs a configuration file.
type Daemon struct {
	options  Settings
	fleet    *Fleet
	first    *Change
	admin    config.Admin
	kept     config.State
	store    *state.Store // nil where nothing is kept
	events   *events.Log
	listener net.Listener
	xds      *xds.Server // nil without one
	listen   string      // of the xDS server, as configured
	reloads  chan reload
	state    atomic.Pointer[web.ConfigState]
}

type reload struct {
	ctx  context.Context
	done chan<- error
}

// New reads the configuration and binds the admin address, so that whatever is
// wrong with either is said before anything runs.
func New(o Settings) (_ *Daemon, err error) {
	c, err := config.Load(o.ConfigFile)
	if err != nil {
		return nil, err
	}
	d := &Daemon{options: o, admin: c.Admin, kept: c.State, events: events.New(), reloads: make(chan reload)}
	if c.State.Path != "" {
		if d.store, err = state.Open(c.State.Path); err != nil {
			return nil, fmt.Errorf("%s: state.path: %w", o.ConfigFile, err)
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, d.store.Close())
			}
		}()
	}
	if c.XDS != nil {
		d.listen = c.XDS.Listen
	}
	if d.xds, err = newXDS(c.XDS, o.Logger); err != nil {
		return nil, fmt.Errorf("%s: %w", o.ConfigFile, err)
	}
	if d.xds != nil {
		defer func() {
			if err != nil {
				err = errors.Join(err, d.xds.Close())
			}
		}()
	}
	d.fleet = NewFleet(Options{Logger: o.Logger, Store: d.store, OnEvent: d.events.Add, XDS: d.xds})
	if d.first, err = d.fleet.Prepare(c); err != nil {
		return nil, fmt.Errorf("%s: %w", o.ConfigFile, err)
	}
	if c.Admin.TokenFile != "" {
		if _, err := token.Read(c.Admin.TokenFile); err != nil {
			return nil, fmt.Errorf("%s: admin.token_file: %w", o.ConfigFile, err)
		}
	}
	if d.listener, err = net.Listen("tcp", c.Admin.Listen); err != nil {
		return nil, fmt.Errorf("%s: admin.listen: %w", o.ConfigFile, err)
	}
	now := time.Now()
	d.state.Store(&web.ConfigState{Hash: c.Hash(), At: now, SuccessAt: now})
	return d, nil
}

// Addr is where the admin server listens.
func (d *Daemon) Addr() string { return d.listener.Addr().String() }

// Run works until ctx ends or the admin server fails, and returns when
// everything has ended, which takes at most about 5 s.
func (d *Daemon) Run(ctx context.Context) error {
	handler, err := web.New(web.Options{
		Snapshots: d.fleet.Snapshots, Polls: d.fleet.Polls,
		Proxies: d.fleet.Proxies, Listeners: d.fleet.Listeners, Assignments: d.fleet.Assignments, XDS: d.xdsClients(),
		Push: d.fleet.Push, Webhooks: d.fleet.Webhooks,
		Command: d.command, EstimateShed: d.estimateShed, Record: d.record, Observe: d.observe, Events: d.events.Since,
		Reload: d.Reload, ConfigState: func() web.ConfigState { return *d.state.Load() },
		Version: d.options.Version, Logger: d.options.Logger, TokenFile: d.admin.TokenFile,
	})
	if err != nil {
		return errors.Join(err, d.listener.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var served error
	var group sync.WaitGroup
	group.Go(func() {
		served = web.Serve(ctx, d.listener, handler)
		cancel() // without its server, nobody could see or stop what it does
	})
	d.fleet.Swap(ctx, d.first)
	stopXDS := func() {}
	if d.xds != nil {
		answering, stop := context.WithCancel(context.WithoutCancel(ctx))
		group.Go(func() {
			if err := d.xds.Run(answering); err != nil {
				d.options.Logger.Error("xDS clients are no longer answered; they keep what they have", "error", err)
			}
		})
		stopXDS = stop
	}
	d.ready()
	group.Go(func() { d.options.Notifier.Watch(ctx, d.healthy) })
	running := []any{"version", d.options.Version, "admin", d.Addr(), "config", d.options.ConfigFile}
	if d.xds != nil {
		running = append(running, "xds", d.xds.Addr().String())
	}
	d.options.Logger.Info("trimtab runs", running...)
	d.serveReloads(ctx)
	d.options.Notifier.Stopping()
	closing, done := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer done()
	d.fleet.Close(closing)
	stopXDS() // not before: weights that are put back have to reach the clients
	group.Wait()
	if d.store != nil {
		served = errors.Join(served, d.store.Close())
	}
	return served
}

// command is the admin server's: its errors tell whose fault it is.
func (d *Daemon) command(ctx context.Context, pool string, c tuner.Command) (warning string, err error) {
	warning, err = d.fleet.Command(ctx, pool, c)
	return warning, blame(err)
}

// estimateShed is the admin server's, too.
func (d *Daemon) estimateShed(ctx context.Context, pool string) (scorer.ShedEstimate, error) {
	e, err := d.fleet.EstimateShed(ctx, pool)
	return e, blame(err)
}

// record is the admin server's, too.
func (d *Daemon) record(ctx context.Context, pool string) (scorer.Config, *tuner.Recording, error) {
	c, r, err := d.fleet.Record(ctx, pool)
	return c, r, blame(err)
}

// observe is the admin server's, too.
func (d *Daemon) observe(ctx context.Context, pool string) (observation.Document, error) {
	o, err := d.fleet.Observe(ctx, pool)
	return o, blame(err)
}

// blame marks an error with whose fault it is.
func blame(err error) error {
	switch {
	case errors.Is(err, ErrNoPool), errors.Is(err, tuner.ErrNoBackend):
		return fmt.Errorf("%w: %w", web.ErrNotFound, err)
	case errors.Is(err, tuner.ErrInvalid):
		return fmt.Errorf("%w: %w", web.ErrBadRequest, err)
	case errors.Is(err, tuner.ErrRefused):
		return fmt.Errorf("%w: %w", web.ErrConflict, err)
	default:
		return err
	}
}

func (d *Daemon) serveReloads(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-d.reloads:
			r.done <- d.reload(r.ctx)
		}
	}
}

// Reload reads the configuration file again and puts it in force, or says why
// not and leaves everything as it was. It is safe for concurrent use.
func (d *Daemon) Reload(ctx context.Context) error {
	done := make(chan error, 1)
	select {
	case d.reloads <- reload{ctx, done}:
	case <-ctx.Done():
		return fmt.Errorf("reload %s: %w", d.options.ConfigFile, ctx.Err())
	}
	// Once it is under way it ends: half a reload helps nobody.
	return <-done
}

func (d *Daemon) reload(ctx context.Context) error {
	d.options.Notifier.Reloading()
	defer d.ready()
	state := *d.state.Load()
	state.At = time.Now()
	hash, err := d.tryReload(ctx)
	state.Err = err
	if err != nil {
		d.options.Logger.Error("reload failed; everything stays as it was", "config", d.options.ConfigFile, "error", err)
		d.events.Add(tuner.Event{Kind: eventReload, Text: "reload failed, everything stays as it was: " + err.Error()})
	} else {
		state.Hash, state.SuccessAt = hash, state.At
		d.options.Logger.Info("configuration reloaded", "config", d.options.ConfigFile, "hash", hash)
		d.events.Add(tuner.Event{Kind: eventReload, Text: "configuration reloaded: " + hash})
	}
	d.state.Store(&state)
	return err
}

func (d *Daemon) tryReload(ctx context.Context) (hash string, err error) {
	c, err := config.Load(d.options.ConfigFile)
	if err != nil {
		return "", err
	}
	if c.Admin != d.admin {
		return "", fmt.Errorf("%s: admin.listen and admin.token_file cannot change while running: restart trimtab", d.options.ConfigFile)
	}
	if c.State != d.kept {
		return "", fmt.Errorf("%s: state.path cannot change while running: restart trimtab", d.options.ConfigFile)
	}
	changeXDS, err := d.prepareXDS(c.XDS)
	if err != nil {
		return "", fmt.Errorf("%s: %w", d.options.ConfigFile, err)
	}
	change, err := d.fleet.Prepare(c)
	if err != nil {
		return "", fmt.Errorf("%s: %w", d.options.ConfigFile, err)
	}
	changeXDS()
	d.fleet.Swap(context.WithoutCancel(ctx), change)
	return c.Hash(), nil
}
