package advice

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

// What is played of a pool takes milliseconds for each candidate and set of requests.
const (
	// playedRate is the requests per second above which a pool is slowed down.
	playedRate = 500
	// playedCounted is about how many requests count, within bounds of time.
	playedCounted           = 20_000
	playedLeast, playedMost = 30 * time.Second, 30 * time.Minute
	// learning is how long weights are learned before, or as many requests of each
	// server as that.
	learningLeast, learningMost = time.Minute, 20 * time.Minute
	learningRequests            = 600
	// fitCounted is how many requests a fit of the response time takes, and once more
	// for each fitVariation of squared variation: the mean of few heavy ones is off.
	fitCounted   = 10_000
	fitVariation = 4
)

// played is the pool as it is simulated, so many times slower than it is.
func (p *pool) played(g group, m model) (f scenario.File, slower float64) {
	f = thin(p.file(g, m), mostServers)
	slower = max(float64(f.Traffic[0].Requests.Rate)/playedRate, 1)
	f = slowed(f, p.demand(m), m.variation, slower)
	rate := float64(f.Traffic[0].Requests.Rate)
	f.Warmup = bounded(learningRequests*float64(len(f.Backends))/rate, learningLeast, learningMost)
	f.Duration = bounded(playedCounted/rate, playedLeast, playedMost)
	return f, slower
}

func bounded(seconds float64, least, most time.Duration) time.Duration {
	return min(max(time.Duration(seconds*float64(time.Second)).Round(time.Second), least), most)
}

// responseIn is the mean response time of a model as the pool balances now, in
// seconds.
func (p *pool) responseIn(ctx context.Context, g group, m model) (float64, error) {
	c := p.inForce(g)
	if c.fixed {
		c = p.candidates(g)[0]
	}
	f, slower := p.played(g, m)
	requests := fitCounted * (1 + m.variation/fitVariation)
	f.Duration = bounded(requests/float64(f.Traffic[0].Requests.Rate), playedLeast/2, playedMost/2)
	s, proxy := simulated(f, c)
	r, err := simulate.One(ctx, &s, proxy, f.Seed, c.policy(p.doc.Trust))
	if err != nil {
		return 0, fmt.Errorf("simulate pool %s: %w", p.doc.Pool, err)
	}
	return r.Mean.Seconds() / slower, nil
}

// play has every candidate serve the same requests, for each model and seed.
func (p *pool) play(ctx context.Context, g group, models []model, seeds int) ([]Play, error) {
	all := p.candidates(g)
	results := make([][][]simulate.Result, len(models)) // by model, candidate, seed
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(runtime.GOMAXPROCS(0))
	for i, m := range models {
		f, _ := p.played(g, m)
		results[i] = make([][]simulate.Result, len(all))
		for k, c := range all {
			s, proxy := simulated(f, c)
			results[i][k] = make([]simulate.Result, seeds)
			for n := range seeds {
				work.Go(func() (err error) {
					results[i][k][n], err = simulate.One(ctx, &s, proxy, f.Seed+uint64(n), c.policy(p.doc.Trust))
					if err != nil {
						return fmt.Errorf("simulate pool %s with %s: %w", p.doc.Pool, c.choice().Algorithm, err)
					}
					return nil
				})
			}
		}
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	out := make([]Play, len(models))
	for i, m := range models {
		out[i] = Play{
			Utilization: m.utilization, Assumed: m.assumed, Cores: m.cores,
			DemandMS: 1000 * p.demand(m), Variation: m.variation, Seeds: seeds,
			Rows: p.rowsOf(g, m, all, results[i]),
		}
	}
	return out, nil
}

// rowsOf are the candidates' rows.
func (p *pool) rowsOf(g group, m model, all []candidate, results [][]simulate.Result) []Row {
	rows := make([]Row, len(all))
	f, slower := p.played(g, m)
	against := !p.inForce(g).fixed
	for k, c := range all {
		of := func(f func(*simulate.Result) time.Duration) []float64 {
			out := make([]float64, len(results[k]))
			for n := range out {
				out[n] = 1000 * f(&results[k][n]).Seconds() / slower
			}
			return out
		}
		rows[k] = Row{
			Choice: c.choice(), InForce: against && k == 0, candidate: c, Overloads: overloads(f, results[k][0].Shares),
			p99:  of(func(r *simulate.Result) time.Duration { return r.P99 }),
			P50:  median(of(func(r *simulate.Result) time.Duration { return r.P50 })),
			Mean: median(of(func(r *simulate.Result) time.Duration { return r.Mean })),
		}
		rows[k].P99 = median(rows[k].p99)
		if against {
			rows[k].compare(rows[0].p99)
		}
	}
	return rows
}

// overloads is whether shares of the requests are more than some server can do, so that
// response times grow for as long as it lasts.
func overloads(f scenario.File, shares []float64) bool {
	r := f.Traffic[0].Requests
	work := float64(r.Rate) * r.Demand.Mean().Seconds()
	for i := range shares {
		if shares[i]*work >= f.Backends[i].Cores {
			return true
		}
	}
	return false
}

// compare says how a row stands to what is in force, request for request.
func (r *Row) compare(with []float64) {
	gains := make([]float64, len(r.p99))
	for n := range gains {
		gains[n] = 1 - r.p99[n]/with[n]
		if number(gains[n]) == nil {
			return // nothing was answered
		}
	}
	r.Gain, r.GainLeast, r.GainMost = number(median(gains)), number(slices.Min(gains)), number(slices.Max(gains))
}

func median(values []float64) float64 {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
