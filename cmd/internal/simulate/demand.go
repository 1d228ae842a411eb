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
