package haproxy

import (
	"context"
	"errors"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Restore puts back the weights that were found at first, of the servers whose
// weight trimtab has set, and the agent-checks that were switched off. Weights
// that someone else has set since stay, and so do servers that an operator has
// ordered to be drained, in a worker that a reload has just started as well. Like
// Apply, it is not for use at the same time as Apply.
func (b *Backend) Restore(ctx context.Context) error {
	b.watchers.Add(1)
	defer b.watchers.Add(-1)
	err := b.again(ctx, func() error { return b.restoreOnce(ctx) })
	if err != nil {
		b.applying.Lock()
		b.standing.Mode = scorer.DryRun // says who is drained, if it is called again
		b.applying.Unlock()
	}
	return err
}

// restoreOnce ends the standing plan when that has worked: until then a new worker is
// given it, for the sake of who is drained.
func (b *Backend) restoreOnce(ctx context.Context) error {
	v, err := b.acquire(ctx)
	if err != nil {
		return err
	}
	defer b.applying.Unlock()
	drained := map[string]bool{}
	for i := range b.standing.Decisions {
		drained[b.standing.Decisions[i].Backend] = b.standing.Decisions[i].Drained
	}
	f := &b.following
	var changes []change
	for i := range v.servers {
		s := &v.servers[i]
		_, foreign := f.foreign[s.name]
		if f.touched[s.name] && !foreign && !drained[s.name] && f.found[s.name] != f.weight(s, v) {
			changes = append(changes, change{server: s.name, weight: f.found[s.name]})
		}
	}
	if err := errors.Join(b.set(ctx, changes), b.enableAgents(ctx)); err != nil {
		return err
	}
	b.standing = scorer.Plan{}
	clear(f.touched)
	return nil
}
