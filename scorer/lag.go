package scorer

import "math"

// lag finds out that an estimate is behind what it estimates: surprises that are
// noise cancel out, those of a change all have one sign.
//
//	m ← m + l·(z − m)                  the mean of late surprises
//	V ← (1 − l)²·V + l²·(v + F/(n·dt)) its variance, were they all noise
//	l = 1 − e^(−dt/memory)
//	m² − LagNoise·V above 0 is the square of what the estimate lacks
//
// The memory is the time in which a drift grows as large as the noise is, and so
// longer the less there is to measure: 5 s with a hundred requests a second, half a
// minute with heavy tails.
type lag struct{ mean, variance float64 }

// add takes a surprise of a variance, and returns the square of what is lacking.
func (l *lag) add(surprise, variance, seconds, memory float64, k *Constants) float64 {
	share := 1 - math.Exp(-seconds/max(memory, k.LeastLag))
	l.mean += share * (surprise - l.mean)
	l.variance = (1-share)*(1-share)*l.variance + share*share*variance
	return max(0, l.mean*l.mean-k.LagNoise*l.variance)
}
