package haproxy

import (
	"context"
	"errors"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Restore puts back the weights that were found at first, of the servers whose
// weight trimtab has set, and the agent-checks that were switched off. Weights
// that someone else has set since stay. Like Apply, it is not for use at the
// same time as Apply.
func (b *Backend) Restore(ctx context.Context) error {
	b.watchers.Add(1)
	defer b.watchers.Add(-1)
	v, err := b.acquire(ctx)
	if err != nil {
		return err
	}
	defer b.applying.Unlock()
	b.standing = scorer.Plan{}
	f := &b.following
	var changes []change
	for i := range v.servers {
		s := &v.servers[i]
		_, foreign := f.foreign[s.name]
		if f.touched[s.name] && !foreign && f.found[s.name] != f.weight(s, v) {
			changes = append(changes, change{server: s.name, weight: f.found[s.name]})
		}
	}
	if err := errors.Join(b.set(ctx, changes), b.enableAgents(ctx)); err != nil {
		return err
	}
	clear(f.touched)
	return nil
}
