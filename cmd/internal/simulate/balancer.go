package simulate

import (
	"math/rand/v2"
	"slices"

	"github.com/trimtab-lb/trimtab/scorer"
)

// maxWeight is the largest weight, HAProxy's.
const maxWeight = 256

// balancer is one proxy's algorithm.
type balancer interface {
	// pick returns the backend for a request, or -1 when none has a weight.
	pick() int
	// changed tells that the in-flight of one backend has changed.
	changed(backend int)
	// weigh tells that weights have changed.
	weigh()
}

// view is what a proxy's algorithm sees: the weights in force, which all
// proxies share, and its own requests in flight.
type view struct {
	weights  []int32
	inFlight []int32
	random   *rand.Rand
}

// newBalancer returns the algorithm of a proxy whose settings are complete and
// checked.
func newBalancer(p Proxy, v view) balancer {
	if p.Workers > 1 {
		w := &workers{view: v}
		one := p
		one.Workers = 1
		for range p.Workers {
			w.all = append(w.all, newBalancer(one, v))
		}
		return w
	}
	switch p.Algorithm {
	case scorer.Random:
		return newRandomTwo(v)
	case scorer.RoundRobin:
		if p.Kind == KindEnvoy {
			return newEnvoyRoundRobin(v)
		}
		return newRoundRobin(v)
	case scorer.LeastRequest:
		return newLeastRequest(v, p)
	default:
		return newLeastConnections(v)
	}
}

// Algorithms lists the algorithms that are simulated.
func Algorithms() []scorer.Algorithm {
	return []scorer.Algorithm{scorer.LeastConnections, scorer.Random, scorer.LeastRequest, scorer.RoundRobin}
}

// drawByWeight draws a backend in proportion to its weight from the running
// sums of the weights.
func drawByWeight(r *rand.Rand, sums []uint32) int {
	total := sums[len(sums)-1]
	at := uint32(((r.Uint64() >> 32) * uint64(total)) >> 32)
	if len(sums) <= 16 {
		i := 0
		for sums[i] <= at {
			i++
		}
		return i
	}
	i, _ := slices.BinarySearch(sums, at+1)
	return i
}
