package load

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"time"
)

// Arrival is one request: when it is to be sent, counted from the beginning,
// how much work it brings, as time of one core at speed 1, and for how long it is
// open after that without any.
type Arrival struct {
	At, Demand, Wait time.Duration
	// To is which of several addresses it goes to, by index.
	To int
}

// Trace is a sequence of arrivals in order of time. The same trace can be
// replayed for every policy, so that they are judged by the same work.
type Trace struct {
	// MeanDemand is the mean that the demands were drawn with.
	MeanDemand time.Duration
	Arrivals   []Arrival
}

// Shape describes a trace to be drawn.
type Shape struct {
	Seed uint64
	// Rate is requests per second.
	Rate float64
	// MeanDemand is the mean work per request.
	MeanDemand time.Duration
	// Length is how long requests arrive for.
	Length time.Duration
}

// Poisson draws a trace with exponential gaps and exponential demands. The same
// shape gives the same trace. Gaps and demands come from streams of their own.
func Poisson(s Shape) (Trace, error) {
	if !(s.Rate > 0) || s.MeanDemand < 0 || s.Length <= 0 {
		return Trace{}, errors.Join(errors.New("a trace needs a positive rate and length, and a mean demand that is not negative"),
			fmt.Errorf("got %v requests/s for %v of %v each", s.Rate, s.Length, s.MeanDemand))
	}
	gaps, demands := rand.New(rand.NewPCG(s.Seed, 1)), rand.New(rand.NewPCG(s.Seed, 2))
	t := Trace{MeanDemand: s.MeanDemand}
	for at := 0.0; ; {
		at += gaps.ExpFloat64() / s.Rate
		if at >= s.Length.Seconds() {
			return t, nil
		}
		t.Arrivals = append(t.Arrivals, Arrival{
			At:     time.Duration(at * float64(time.Second)),
			Demand: time.Duration(demands.ExpFloat64() * float64(s.MeanDemand)),
		})
	}
}

// typicalMedians is how many medians a typical demand is at most.
const typicalMedians = 2

// TypicalDemand is what lateness is to be compared with: the mean demand, or
// twice the median where a few large ones make up the mean; 0 of none.
func TypicalDemand(demands []time.Duration) time.Duration {
	if len(demands) == 0 {
		return 0
	}
	all := slices.Sorted(slices.Values(demands))
	var sum time.Duration
	for _, d := range all {
		sum += d
	}
	return min(sum/time.Duration(len(all)), typicalMedians*all[len(all)/2])
}

// between returns the indices of the arrivals in [from, to).
func (t Trace) between(from, to time.Duration) (first, end int) {
	at := func(d time.Duration) int {
		return sort.Search(len(t.Arrivals), func(i int) bool { return t.Arrivals[i].At >= d })
	}
	return at(from), max(at(from), at(to))
}
