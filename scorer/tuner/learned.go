package tuner

import (
	"context"
	"fmt"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Learned returns what the pool's law knows by now. Errors are [ErrRefused], when the
// tuner has ended, and the context's.
func (t *Tuner) Learned(ctx context.Context) (scorer.Learned, error) {
	answer := make(chan scorer.Learned, 1)
	select {
	case t.queries <- answer:
		return <-answer, nil // the owner answers at once
	case <-ctx.Done():
		return scorer.Learned{}, fmt.Errorf("what was learned: %w", ctx.Err())
	case <-t.ended:
		return scorer.Learned{}, fmt.Errorf("what was learned: the pool is being stopped: %w", ErrRefused)
	}
}
