package daemon

import (
	"fmt"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/web"
)

// tick is the time between a pool's steps.
const tick = time.Second

// healthy is nil while every pool steps.
func (d *Daemon) healthy() error { return web.Healthy(d.fleet.Snapshots(), time.Now(), tick) }

// ready tells the service manager what the daemon is at, now that it is done
// with a configuration.
func (d *Daemon) ready() {
	what := fmt.Sprintf("pools: %d, admin on %s", len(d.fleet.Snapshots()), d.Addr())
	if err := d.state.Load().Err; err != nil {
		what = fmt.Sprintf("%s; reload failed, all stays as it was: %v", what, err)
	}
	d.options.Notifier.Ready(what)
}
