package haproxy

import (
	"context"

	"github.com/trimtab-lb/trimtab/scorer"
)

// renew carries out the standing plans where a poll has found weights that are
// not trimtab's: of a new process, or of servers that are back. Until the next
// tick they would be the configured ones, for a second, at full load.
func (p *Proxy) renew(ctx context.Context, backends []*Backend) {
	for _, b := range backends {
		if !b.returned {
			continue
		}
		b.returned = false
		if err := b.renew(ctx); err != nil {
			p.log.Warn("weights could not be set again at once; the next plan does it", "backend", b.name, "error", err)
		}
	}
}

func (b *Backend) renew(ctx context.Context) error {
	select {
	case b.renewed <- struct{}{}:
	default:
	}
	b.applying.Lock()
	defer b.applying.Unlock()
	v := b.view.Load()
	if v == nil || len(b.standing.Decisions) == 0 || b.standing.Mode == scorer.DryRun {
		return nil
	}
	b.following.meet(v)
	b.noteForeign(v)
	_, err := b.carryOut(ctx, b.standing, v)
	return err
}
