package simulate

import (
	"math"
	"math/rand/v2"
	"time"
)

// exponential is work with an exponential distribution.
func exponential(mean time.Duration) Demand { return shiftedExponential(0, mean) }

// shiftedExponential is at least the given time, and an exponential one more.
func shiftedExponential(least, more time.Duration) Demand {
	return Demand{
		Mean: (least + more).Seconds(),
		Draw: func(r *rand.Rand, _ time.Duration) (float64, float64) {
			return least.Seconds() + more.Seconds()*r.ExpFloat64(), 0
		},
	}
}

// constant is the same work each time.
func constant(work time.Duration) Demand {
	return Demand{
		Mean: work.Seconds(),
		Draw: func(*rand.Rand, time.Duration) (float64, float64) { return work.Seconds(), 0 },
	}
}

// logNormal has that mean; sigma is the standard deviation of the logarithm.
func logNormal(mean time.Duration, sigma float64) Demand {
	mu := math.Log(mean.Seconds()) - sigma*sigma/2
	return Demand{
		Mean: mean.Seconds(),
		Draw: func(r *rand.Rand, _ time.Duration) (float64, float64) {
			return math.Exp(mu + sigma*r.NormFloat64()), 0
		},
	}
}

// pareto is at least the given time, and more than x with a probability of
// (least/x)^shape. The shape is above 1.
func pareto(least time.Duration, shape float64) Demand {
	return Demand{
		Mean: least.Seconds() * shape / (shape - 1),
		Draw: func(r *rand.Rand, _ time.Duration) (float64, float64) {
			return least.Seconds() * math.Exp(r.ExpFloat64()/shape), 0
		},
	}
}

// mix is b for the given share of requests, and a for the others.
func mix(a, b Demand, share float64) Demand {
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

// withWait adds an exponential wait to the given share of d's requests.
func withWait(d Demand, mean time.Duration, share float64) Demand {
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

// level is a load that never changes, step one that is another from then on.
func level(value float64) func(time.Duration) float64 {
	return func(time.Duration) float64 { return value }
}

func step(before float64, at time.Duration, after float64) func(time.Duration) float64 {
	return func(t time.Duration) float64 {
		if t >= at {
			return after
		}
		return before
	}
}

// uniformSpan is between two limits.
func uniformSpan(low, high time.Duration) Span {
	return func(r *rand.Rand) float64 { return low.Seconds() + (high-low).Seconds()*r.Float64() }
}
