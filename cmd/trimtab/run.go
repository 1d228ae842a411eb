package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/daemon"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/notify"
)

type runCommand struct {
	Config string `required:"" type:"path" placeholder:"FILE" help:"The configuration file; SIGHUP reads it again."`
	logFlags
}

func (c runCommand) Run(ctx context.Context, s *streams) error {
	log := c.logger(s.err)
	d, err := daemon.New(daemon.Settings{
		ConfigFile: c.Config, Version: programVersion(), Logger: log, Notifier: notify.FromEnvironment(log),
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group sync.WaitGroup
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP) // before anybody is told that trimtab runs: unheeded, it ends a program
	defer signal.Stop(hangups)
	group.Go(func() { reloadOnHangup(ctx, d, hangups) })
	group.Go(func() { giveBack(ctx) })
	err = d.Run(ctx)
	cancel()
	group.Wait()
	return err
}

// settled is how long a start takes with all that it reads once.
const settled = 5 * time.Second

// giveBack returns the memory of the start to the system: the runtime would keep
// it for minutes.
func giveBack(ctx context.Context) {
	timer := time.NewTimer(settled)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
		debug.FreeOSMemory()
	}
}

func reloadOnHangup(ctx context.Context, d *daemon.Daemon, hangups <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			_ = d.Reload(ctx) // the daemon logs it and shows it in its status
		}
	}
}
