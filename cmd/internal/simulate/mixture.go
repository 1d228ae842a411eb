package simulate

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Part is a share of requests with a demand of their own.
type Part struct {
	Share  float64
	Demand Demand
}

// Mixture draws from one of the parts by their shares, which need not add up to
// 1. There is at least one.
func Mixture(parts ...Part) Demand {
	var total, mean float64
	for _, p := range parts {
		total += p.Share
		mean += p.Share * p.Demand.Mean
	}
	return Demand{
		Mean: mean / total,
		Draw: func(r *rand.Rand, t time.Duration) (float64, float64) {
			return draw(parts, r.Float64()*total).Draw(r, t)
		},
	}
}

// draw is the part at a place among the shares, the last one beyond them.
func draw(parts []Part, at float64) Demand {
	for _, p := range parts {
		if at < p.Share {
			return p.Demand
		}
		at -= p.Share
	}
	return parts[len(parts)-1].Demand
}

// Waiting adds waits to d's requests: each part's share of them, of 1, waits for
// as long as its demand's work says, and the others not at all.
func Waiting(d Demand, parts ...Part) Demand {
	rest := 1.0
	for _, p := range parts {
		rest -= p.Share
	}
	all := append(slices.Clone(parts), Part{max(rest, 0), Constant(0)})
	return Demand{
		Mean: d.Mean,
		Draw: func(r *rand.Rand, t time.Duration) (float64, float64) {
			work, wait := d.Draw(r, t)
			more, _ := draw(all, r.Float64()).Draw(r, t)
			return work, wait + more
		},
	}
}

// Mix is b for the given share of requests, and a for the others.
func Mix(a, b Demand, share float64) Demand {
	return Demand{
		Mean: a.Mean*(1-share) + b.Mean*share,
		Draw: func(r *rand.Rand, t time.Duration) (float64, float64) {
			if r.Float64() < share {
				return b.Draw(r, t)
			}
			return a.Draw(r, t)
		},
	}
}

// Video is a video site: thumbnails of 5 to 10 ms, and 2 % of requests that
// encode for a second and an exponential time of 2 s more.
func Video() Demand {
	return Mix(Uniform(5*time.Millisecond, 10*time.Millisecond), ShiftedExponential(time.Second, 2*time.Second), 0.02)
}

// WithWait adds an exponential wait to the given share of d's requests.
func WithWait(d Demand, mean time.Duration, share float64) Demand {
	return Demand{
		Mean: d.Mean,
		Draw: func(r *rand.Rand, t time.Duration) (float64, float64) {
			work, wait := d.Draw(r, t)
			if more := mean.Seconds() * r.ExpFloat64(); r.Float64() < share {
				wait += more
			}
			return work, wait
		},
	}
}

// Shifted multiplies d's work by factor from the given time on. The mean stays
// that of before, so that the load rises by the factor too.
func Shifted(d Demand, from time.Duration, factor float64) Demand {
	return Demand{
		Mean: d.Mean,
		Draw: func(r *rand.Rand, t time.Duration) (float64, float64) {
			work, wait := d.Draw(r, t)
			if t >= from {
				work *= factor
			}
			return work, wait
		},
	}
}
