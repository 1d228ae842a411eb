package simulate

import (
	"math/rand/v2"
	"time"
)

// Demand is the distribution of what requests cost.
type Demand struct {
	// Mean is the mean work of a request in seconds of one core at speed 1.
	Mean float64
	// Draw returns one request's work and its wait, both in seconds. The wait
	// follows the work: time in flight that uses no core (a database, a disk).
	Draw func(r *rand.Rand, t time.Duration) (work, wait float64)
}

// Exponential is work with an exponential distribution.
func Exponential(mean time.Duration) Demand {
	return ShiftedExponential(0, mean)
}

// ShiftedExponential is at least the given time, and an exponential one more.
func ShiftedExponential(least, more time.Duration) Demand {
	return Demand{
		Mean: (least + more).Seconds(),
		Draw: func(r *rand.Rand, _ time.Duration) (float64, float64) {
			return least.Seconds() + more.Seconds()*r.ExpFloat64(), 0
		},
	}
}

// Constant is the same work each time.
func Constant(work time.Duration) Demand {
	return Demand{
		Mean: work.Seconds(),
		Draw: func(*rand.Rand, time.Duration) (float64, float64) { return work.Seconds(), 0 },
	}
}

// Uniform is work between two limits.
func Uniform(low, high time.Duration) Demand {
	return Demand{
		Mean: (low + high).Seconds() / 2,
		Draw: func(r *rand.Rand, _ time.Duration) (float64, float64) {
			return low.Seconds() + (high-low).Seconds()*r.Float64(), 0
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
