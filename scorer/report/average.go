package report

import (
	"math"
	"time"
)

// average is a moving average of what is measured at unequal times: a value that
// held for dt counts as much as that time weighs in a window that fades with the
// time constant. The zero value knows nothing yet.
type average struct{ sum, mass float64 }

func (a *average) add(v float64, dt, window time.Duration) {
	keep := math.Exp(-float64(dt) / float64(window))
	a.sum = keep*a.sum + (1-keep)*v
	a.mass = keep*a.mass + (1 - keep)
}

// value is the average, NaN while nothing was added. Divided by the mass, it
// does not begin at 0.
func (a *average) value() float64 {
	if a.mass == 0 {
		return math.NaN()
	}
	return a.sum / a.mass
}
