package simulate

import (
	"math"
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

// LogNormal has that mean; sigma is the standard deviation of the logarithm.
func LogNormal(mean time.Duration, sigma float64) Demand {
	mu := math.Log(mean.Seconds()) - sigma*sigma/2
	return Demand{
		Mean: mean.Seconds(),
		Draw: func(r *rand.Rand, _ time.Duration) (float64, float64) {
			return math.Exp(mu + sigma*r.NormFloat64()), 0
		},
	}
}

// Pareto is at least the given time, and more than x with a probability of
// (least/x)^shape. The mean is finite only for a shape above 1.
func Pareto(least time.Duration, shape float64) Demand {
	mean := math.Inf(1)
	if shape > 1 {
		mean = least.Seconds() * shape / (shape - 1)
	}
	return Demand{
		Mean: mean,
		Draw: func(r *rand.Rand, _ time.Duration) (float64, float64) {
			return least.Seconds() * math.Exp(r.ExpFloat64()/shape), 0
		},
	}
}
