package assign

import (
	"math/rand/v2"
	"slices"
)

// draws is how many backends are drawn by weight for one client, and so how many
// times its share a backend gets at the most, whatever it reports. With two, clients of
// very unequal cost take longer to even out: four fronts, costs with a variance of 12
// times the mean squared, 1.104 instead of 1.087. More than three gain nothing.
const draws = 3

// lottery is those of a pool's backends that a client can be sent to.
type lottery struct {
	hosts      []*host
	cumulative []float64 // of the weights
	seeds      []seed
	// held is how many clients all of them have, as far as is known.
	held float64
}

// fill takes those that are open and fit.
func (l *lottery) fill(hosts []*host, v *view, fits func(*host) bool) {
	l.hosts, l.cumulative, l.seeds, l.held = l.hosts[:0], l.cumulative[:0], l.seeds[:0], 0
	weight := 0.0
	for _, h := range hosts {
		if h.weight > 0 && fits(h) {
			weight += h.weight
			l.hosts = append(l.hosts, h)
			l.cumulative = append(l.cumulative, weight)
			l.seeds = append(l.seeds, seed{h.hash, h.weight})
			l.held += v.held(h)
		}
	}
}

// weight is the sum of all.
func (l *lottery) weight() float64 { return l.cumulative[len(l.cumulative)-1] }

// one draws by weight.
func (l *lottery) one(source rand.Source) *host {
	x := float64(source.Uint64()>>11) / (1 << 53) * l.weight()
	i, exact := slices.BinarySearch(l.cumulative, x)
	if exact {
		i++ // each has the half-open interval that ends with its sum
	}
	return l.hosts[min(i, len(l.hosts)-1)]
}

// draw is the least busy of those drawn that have room; nil when none of them has.
func (l *lottery) draw(source rand.Source, v *view) *host {
	var best *host
	for range draws {
		if h := l.one(source); !v.full(h) && (best == nil || v.busy(h) < v.busy(best)) {
			best = h
		}
	}
	return best
}

// least is the least busy of all that have room, or of all; nil when there is none.
func (l *lottery) least(v *view, always bool) *host {
	var best *host
	for _, h := range l.hosts {
		if (always || !v.full(h)) && (best == nil || v.busy(h) < v.busy(best)) {
			best = h
		}
	}
	return best
}
