package assign

import (
	"math/rand/v2"
	"time"
)

// Balance is what a placement makes even.
type Balance uint8

const (
	// ByLoad is utilization; the plan's score where there is none.
	ByLoad Balance = iota
	// ByScore is the plan's score, as its coefficients are configured.
	ByScore
)

// Config describes a placement. The zero value of a field means its default.
type Config struct {
	// Fronts is how many placements, in other processes, give clients to the same
	// backends, this one included, at least 1. Each counts what it has assigned that
	// many times, as the others will have done the same. Default 1: nobody is known
	// of.
	Fronts int
	// Clients is how many clients follow one assignment, at least 1: the answer of a
	// DNS server is shared by all who ask the same resolver. Default 1.
	Clients float64
	// Follow is within what time clients follow an assignment: for as long as a
	// resolver keeps the answer. More than 32 s counts as that. Default 0: at once.
	Follow time.Duration
	// Balance is what is made even. Default ByLoad.
	Balance Balance
	// Bound is how many times its fair share a backend may have, above 1, before a
	// client with a key is sent elsewhere. Default 1.25. The first ten clients for each
	// backend of the pool count as a share, however few there are.
	Bound float64
	// Full is the utilization from which on a backend gets no more clients; the load
	// of those who were just assigned counts. Default 0.95; negative is never.
	Full float64
	// Source draws lots. The placement calls it from one goroutine at a time.
	// Required.
	Source rand.Source
}

const (
	defaultBound = 1.25
	defaultFull  = 0.95
)
