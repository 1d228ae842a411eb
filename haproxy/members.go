package haproxy

import (
	"context"
	"slices"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// Members is who the backend's servers are and how they do, as a discoverer.
func (b *Backend) Members() tuner.Discoverer { return members{b} }

type members struct{ *Backend }

// Run implements tuner.Discoverer.
func (b members) Run(ctx context.Context, out chan<- []scorer.Backend) error {
	if b.bad != nil {
		return b.bad
	}
	b.watchers.Add(1)
	defer b.watchers.Add(-1)
	b.Backend.members.each(ctx, func(list []scorer.Backend) bool { return deliver(ctx, out, list) })
	return nil
}

// announce tells everybody who listens, unless it is what they know.
func (b *Backend) announce(members []scorer.Backend) {
	if b.announced != nil && slices.Equal(members, b.announced) {
		return
	}
	b.announced = members
	b.members.send(members)
}
