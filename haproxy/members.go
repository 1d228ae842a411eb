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
	lists := make(chan []scorer.Backend, 1)
	defer subscribe(b.Backend, &b.Backend.members, lists)()
	b.repeat(lists)
	for {
		select {
		case <-ctx.Done():
			return nil
		case list := <-lists:
			select {
			case <-ctx.Done():
				return nil
			case out <- list:
			}
		}
	}
}

// announce tells everybody who listens, unless it is what they know.
func (b *Backend) announce(members []scorer.Backend) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.announced != nil && slices.Equal(members, b.announced) {
		return
	}
	b.announced = members
	for _, to := range b.members {
		replace(to, members)
	}
}

// repeat tells one who has begun to listen what the others know.
func (b *Backend) repeat(to chan []scorer.Backend) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.announced != nil {
		replace(to, b.announced)
	}
}

// replace leaves only the newest value in a channel of one.
func replace[T any](to chan T, value T) {
	select {
	case <-to:
	default:
	}
	to <- value
}
