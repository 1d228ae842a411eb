package tuner

import (
	"context"
	"fmt"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Learned returns what the pool's law knows by now. Errors are [ErrRefused], when the
// tuner has ended, and the context's.
func (t *Tuner) Learned(ctx context.Context) (scorer.Learned, error) {
	return ask(ctx, t, t.queries, "what was learned")
}

// ask gets an answer from the tuner's owner.
func ask[T any](ctx context.Context, t *Tuner, questions chan<- chan<- T, what string) (none T, err error) {
	answer := make(chan T, 1)
	select {
	case questions <- answer:
		return <-answer, nil // the owner answers at once
	case <-ctx.Done():
		return none, fmt.Errorf("%s: %w", what, ctx.Err())
	case <-t.ended:
		return none, fmt.Errorf("%s: the pool is being stopped: %w", what, ErrRefused)
	}
}
