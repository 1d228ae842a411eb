package scenario

import (
	"math"
	"math/rand/v2"
	"time"
)

// Mix is several distributions, each for its share. In a file, a single one
// needs no list, and a bare time is const.
type Mix []Part

// Part is one distribution of a mix.
type Part struct {
	// Share is how much of the whole it is for. Above 0, at most 1, default 1.
	Share float64 `yaml:"share" default:"1" above:"0" max:"1"`

	Distribution `yaml:",inline"`
}

// Distribution is of times. Exactly one field is set.
type Distribution struct {
	// Const is the same time each time.
	Const *time.Duration `yaml:"const" choice:"distribution" bare:"yes" max:"168h"`
	// Uniform is a list of the least and the largest time.
	Uniform *Span `yaml:"uniform" choice:"distribution" max:"168h"`
	// Exp is the mean of an exponential distribution. Above 0.
	Exp time.Duration `yaml:"exp" choice:"distribution" above:"0s" max:"168h"`
	// Lognormal is given by two quantiles.
	Lognormal *Lognormal `yaml:"lognormal" choice:"distribution"`
	// Pareto has a tail that falls with a power.
	Pareto *Pareto `yaml:"pareto" choice:"distribution"`
	// ShiftedExp is a least time and an exponential one after it.
	ShiftedExp *ShiftedExp `yaml:"shifted_exp" choice:"distribution"`
}

// Span is from the first time to the second.
type Span [2]time.Duration

// Lognormal is the distribution with these quantiles.
type Lognormal struct {
	// P50 is the median. Above 0, required.
	P50 time.Duration `yaml:"p50" required:"yes" above:"0s" max:"168h"`
	// P99 is exceeded by one in a hundred. Above p50, required.
	P99 time.Duration `yaml:"p99" required:"yes" above:"0s" max:"168h"`
}

// Pareto exceeds x with the probability (min/x)^shape.
type Pareto struct {
	// Min is the least time. Above 0, required.
	Min time.Duration `yaml:"min" required:"yes" above:"0s" max:"168h"`
	// Shape is the exponent. Above 1 unless there is a max, as the mean is not
	// finite otherwise; required.
	Shape float64 `yaml:"shape" required:"yes" above:"0" max:"100"`
	// Max cuts the distribution off: there is nothing above. Default: no limit.
	Max time.Duration `yaml:"max" above:"0s" max:"168h"`
}

// ShiftedExp is min and an exponential time of the mean − min.
type ShiftedExp struct {
	// Min is the least time. Required.
	Min time.Duration `yaml:"min" required:"yes" max:"168h"`
	// Mean is the mean of the whole, above min. Required.
	Mean time.Duration `yaml:"mean" required:"yes" above:"0s" max:"168h"`
}

// Mean is the mean, in which what is left of the shares counts as 0.
func (m Mix) Mean() time.Duration {
	var sum float64
	for _, p := range m {
		sum += p.Share * float64(p.Distribution.Mean())
	}
	return time.Duration(sum)
}

// Sample draws one time; 0 for what is left of the shares.
func (m Mix) Sample(r *rand.Rand) time.Duration {
	if len(m) == 1 && m[0].Share == 1 {
		return m[0].Distribution.Sample(r)
	}
	for at, i := r.Float64(), 0; i < len(m); i++ {
		if at < m[i].Share {
			return m[i].Distribution.Sample(r)
		}
		at -= m[i].Share
	}
	return 0
}

// Mean is the mean, 0 if no field is set.
func (d Distribution) Mean() time.Duration {
	switch {
	case d.Const != nil:
		return *d.Const
	case d.Uniform != nil:
		return (d.Uniform[0] + d.Uniform[1]) / 2
	case d.Lognormal != nil:
		sigma := d.Lognormal.sigma()
		return bounded(float64(d.Lognormal.P50) * math.Exp(sigma*sigma/2))
	case d.Pareto != nil:
		return bounded(d.Pareto.mean())
	case d.ShiftedExp != nil:
		return d.ShiftedExp.Mean
	default:
		return d.Exp
	}
}

// Sample draws one time, 0 if no field is set.
func (d Distribution) Sample(r *rand.Rand) time.Duration {
	switch {
	case d.Const != nil:
		return *d.Const
	case d.Uniform != nil:
		return d.Uniform[0] + time.Duration(r.Float64()*float64(d.Uniform[1]-d.Uniform[0]))
	case d.Lognormal != nil:
		return bounded(float64(d.Lognormal.P50) * math.Exp(d.Lognormal.sigma()*r.NormFloat64()))
	case d.Pareto != nil:
		return bounded(d.Pareto.quantile(r.Float64()))
	case d.ShiftedExp != nil:
		return d.ShiftedExp.Min + time.Duration(r.ExpFloat64()*float64(d.ShiftedExp.Mean-d.ShiftedExp.Min))
	default:
		return time.Duration(r.ExpFloat64() * float64(d.Exp))
	}
}

// longest is more than any scenario lasts. A tail can reach what no
// time.Duration holds.
const longest = 1000 * time.Hour

func bounded(nanoseconds float64) time.Duration {
	return time.Duration(min(nanoseconds, float64(longest)))
}

// normalP99 is the 99 % quantile of the standard normal distribution.
const normalP99 = 2.3263478740408408

func (l Lognormal) sigma() float64 {
	return math.Log(float64(l.P99)/float64(l.P50)) / normalP99
}

// lost is the share of an unlimited distribution that is above max.
func (p Pareto) lost() float64 {
	if p.Max == 0 {
		return 0
	}
	return math.Pow(float64(p.Min)/float64(p.Max), p.Shape)
}

func (p Pareto) quantile(u float64) float64 {
	return float64(p.Min) * math.Pow(1-u*(1-p.lost()), -1/p.Shape)
}

func (p Pareto) mean() float64 {
	low, high := float64(p.Min), float64(p.Max)
	switch {
	case p.Max == 0:
		return low * p.Shape / (p.Shape - 1)
	case p.Shape == 1:
		return low * math.Log(high/low) / (1 - low/high)
	default:
		part := 1 - math.Pow(low/high, p.Shape-1)
		return low * p.Shape / (p.Shape - 1) * part / (1 - p.lost())
	}
}
