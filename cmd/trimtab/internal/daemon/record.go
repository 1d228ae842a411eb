package daemon

import (
	"context"
	"fmt"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// Record begins a recording of a pool, and returns that pool's configuration with it.
// Errors are [ErrNoPool] and those of [tuner.Tuner.Record]. It is safe for concurrent
// use.
func (f *Fleet) Record(ctx context.Context, name string) (scorer.Config, *tuner.Recording, error) {
	p, err := f.pool(name)
	if err != nil {
		return scorer.Config{}, nil, err
	}
	r, err := p.tuner.Record(ctx)
	if err != nil {
		return scorer.Config{}, nil, fmt.Errorf("pool %s: %w", name, err)
	}
	return p.config.Scorer(), r, nil
}
