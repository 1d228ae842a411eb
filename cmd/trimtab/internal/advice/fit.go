package advice

import (
	"context"
	"math"
	"slices"

	"golang.org/x/sync/errgroup"
)

// utilizations are what a pool's may be where nobody reports it: half busy, as busy
// as is usual, and as much as is sensible.
func utilizations() []float64 { return []float64{0.5, 0.7, 0.85} }

// fit finds models that show the response time and the dispersion that were seen, one
// for each utilization that the pool may have, in rising order. given is what a person
// says of it, 0 for nothing.
func (p *pool) fit(ctx context.Context, g group, given float64) ([]model, error) {
	var levels []model
	switch {
	case !math.IsNaN(p.utilization):
		levels = []model{{utilization: p.utilization}}
	case given > 0:
		levels = []model{{utilization: given}}
	default:
		for _, u := range utilizations() {
			levels = append(levels, model{utilization: u, assumed: true})
		}
	}
	if !slices.ContainsFunc(levels, p.possible) {
		// Not even one core each is kept that busy by what is in flight.
		levels = []model{{utilization: p.busiest(), assumed: true}}
	}
	levels = slices.DeleteFunc(levels, func(m model) bool { return !p.possible(m) })
	work, ctx := errgroup.WithContext(ctx)
	for i := range levels {
		work.Go(func() error { return p.explain(ctx, g, &levels[i]) })
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	return levels, nil
}

// leastCores is what a server has at least, in the mean of the pool.
const leastCores = 1

// possible is whether servers of at least a core can be as busy with what is in
// flight. They cannot be busier than if none of it waited.
func (p *pool) possible(m model) bool { return m.utilization <= p.busiest() }

func (p *pool) busiest() float64 {
	return min(p.inFlight/(leastCores*float64(len(p.servers))), full)
}

// explain finds the cores and the demand.
func (p *pool) explain(ctx context.Context, g group, m *model) error {
	m.variation, m.strengths = 1, p.strengths(m.utilization)
	if err := p.matchTime(ctx, g, m); err != nil {
		return err
	}
	if err := p.matchDispersion(ctx, g, m); err != nil || m.variation == 1 {
		return err
	}
	return p.matchTime(ctx, g, m) // which the variation moves by some per cent
}

const (
	// closeEnough is how near a simulated response time has to come to the seen one.
	closeEnough = 0.01
	mostTries   = 8
)

// matchTime finds as many cores as give the response time that was seen. With more of
// them at the same utilization, each request is a longer one that waits less. The
// logarithm of the time is nearly a straight line over that of the cores.
func (p *pool) matchTime(ctx context.Context, g group, m *model) error {
	// Where nobody waits, what is in flight is what cores are busy with.
	high := math.Log(p.inFlight / m.utilization)
	low := min(math.Log(leastCores*float64(len(p.servers))), high)
	at := func(cores float64) (float64, error) {
		m.cores = math.Exp(cores)
		seconds, err := p.responseIn(ctx, g, *m)
		return math.Log(seconds / p.response), err
	}
	above, err := at(high)
	if err != nil || above <= closeEnough {
		return err
	}
	below, err := at(low)
	if err != nil || below >= -closeEnough {
		return err
	}
	for range mostTries {
		middle := low + (high-low)*min(max(-below/(above-below), 0.1), 0.9)
		off, err := at(middle)
		switch {
		case err != nil || math.Abs(off) < closeEnough:
			return err
		case off > 0:
			high, above = middle, off
		default:
			low, below = middle, off
		}
	}
	return nil
}
