package assign

import (
	"math"

	"github.com/cespare/xxhash/v2"
)

// keyed is the backend of a key: consistent hashing with bounded loads. Every key
// has an order of its own over the backends, and gets the first that is below its
// bound, which is a multiple of its share of all that is in flight, by weight. Since
// the multiple is above 1, there is always one; nil where all of those are full. With
// few in flight it is a multiple of leastKeyed for each backend: by the letter, an empty
// pool would send the second client of a key elsewhere.
//
// The order is by weighted rendezvous (highest −w/ln h): each backend is first for
// as many keys as its weight says, and when a weight changes or a backend goes, no
// key moves but those that have to. It is the same in every process. Somebody who
// chooses keys to hit one backend reaches the bound and no more.
func (l *lottery) keyed(key []byte, bound float64, v *view) *host {
	hash := xxhash.Sum64(key)
	share := bound * max(1+l.held, float64(leastKeyed*len(l.hosts))) / l.weight()
	var best *host
	highest := math.Inf(-1)
	for i := range l.seeds {
		s := &l.seeds[i]
		uniform := s.uniform(hash)
		if s.isBelow(highest, uniform) {
			continue
		}
		h := l.hosts[i]
		if rank := s.rank(uniform); rank > highest && v.held(h) < math.Ceil(share*h.weight) && !v.full(h) {
			best, highest = h, rank
		}
	}
	return best
}

// leastKeyed is how many clients a backend has, on average, before they are bounded.
const leastKeyed = 10

// seed is what a key's order depends on. Those of a lottery lie side by side, as a key
// looks at every one of them, and at few of the hosts.
type seed struct {
	hash   uint64
	weight float64
}

// uniform is the backend's number for a key, between 0 and 1.
func (s *seed) uniform(key uint64) float64 {
	return (float64(mix(key^s.hash)>>11) + 0.5) / (1 << 53)
}

func (s *seed) rank(uniform float64) float64 { return -s.weight / math.Log(uniform) }

// isBelow says of most whose rank is not the highest that it is not, without a
// logarithm: by −ln h ≥ 1 − h, with room for rounding.
func (s *seed) isBelow(highest, uniform float64) bool {
	return s.weight*(1+1e-9) < highest*(1-uniform)
}

func hashOf(name string) uint64 { return xxhash.Sum64String(name) }

// mix is the finalizer of splitmix64: every bit of x decides over every bit of the
// result.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
