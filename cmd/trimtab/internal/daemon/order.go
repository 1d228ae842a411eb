package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// ErrNoPool is a command for a pool that does not run.
var ErrNoPool = errors.New("no such pool")

// Command carries out what an operator wants of a pool. The warning says what is
// not as good as it could be although it is carried out. Errors are [ErrNoPool] and
// those of [tuner.Tuner.Command]. It is safe for concurrent use.
func (f *Fleet) Command(ctx context.Context, name string, c tuner.Command) (warning string, err error) {
	p, err := f.pool(name)
	if err != nil {
		return "", err
	}
	return p.command(ctx, c)
}

// pool finds a pool that runs. Its error is [ErrNoPool].
func (f *Fleet) pool(name string) (*pool, error) {
	pools := *f.pools.Load()
	i := slices.IndexFunc(pools, func(p *pool) bool { return p.config.Name == name })
	if i < 0 {
		var names []string
		for _, p := range pools {
			names = append(names, p.config.Name)
		}
		return nil, fmt.Errorf("%w: %q; there are %s", ErrNoPool, name, strings.Join(names, ", "))
	}
	return pools[i], nil
}

func (p *pool) command(ctx context.Context, c tuner.Command) (warning string, err error) {
	p.commanding.Lock()
	defer p.commanding.Unlock()
	orders, err := p.tuner.Command(ctx, c)
	if err != nil {
		return "", fmt.Errorf("pool %s: %w", p.config.Name, err)
	}
	var warnings []string
	if err := p.keeper.sync(); err != nil {
		warnings = append(warnings, err.Error())
	}
	dry := !p.config.Apply
	if orders.DryRun != nil {
		dry = orders.DryRun.On
	}
	if dry && c.Verb != tuner.SetDry {
		warnings = append(warnings, "nothing is carried out: the pool is in dry-run")
	}
	if c.Verb == tuner.Rebalance || c.Verb == tuner.Drain && c.Over > 0 {
		warnings = append(warnings, p.hands.helpless())
	}
	return sentences(warnings...), nil
}

// sentences joins those that there are.
func sentences(all ...string) string {
	return strings.Join(slices.DeleteFunc(all, func(s string) bool { return s == "" }), "; ")
}
