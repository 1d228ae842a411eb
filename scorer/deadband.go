package scorer

import (
	"math"
	"slices"
	"sort"
)

// deadband holds published logarithms until what is wanted has moved clearly
// away: every change of a weight costs the proxies work and people attention,
// and most of what an estimate does from second to second is noise.
type deadband struct {
	movers sorted
}

// heldLog is one backend's logarithm: what the law wants, what is published, and
// the width that must be left for it to move.
type heldLog struct {
	want, held, width float64
	// trust is how much of what the law wants still counts.
	trust        float64
	known, moved bool
	// stays is that it keeps what it had, being out of service.
	stays bool
}

// tie is a difference of two estimates that arithmetic alone makes.
const tie = 1e-4

// move publishes what has left its band. A backend that waits in its band is
// kept between those that moved on either side of it, so that a better backend
// never has less than a worse one for having waited.
func (d *deadband) move(in []heldLog) {
	d.movers.clear()
	for i := range in {
		h := &in[i]
		h.moved = !h.known || math.Abs(h.want-h.held) > h.width
		if h.moved {
			h.held, h.known = h.want, true
			d.movers.add(h.want)
		}
	}
	if !d.movers.sort() {
		return
	}
	for i := range in {
		if !in[i].moved {
			d.keepBetween(&in[i])
		}
	}
}

func (d *deadband) keepBetween(h *heldLog) {
	// The movers wanted as much or more: none of them may have less.
	if h.held > h.want-tie {
		if at := d.movers.search(h.want - tie); at < len(d.movers.values) {
			h.held = min(h.held, d.movers.values[at])
		}
	}
	// The movers wanted as much or less: none of them may have more.
	if h.held < h.want+tie {
		if at := d.movers.search(h.want + tie); at > 0 {
			h.held = max(h.held, d.movers.values[at-1])
		}
	}
}

// sorted is a set of numbers with a table that a search starts from: among
// thousands it is then found in a step or two where halving the whole takes a dozen.
type sorted struct {
	values []float64
	// starts[k] is the first value that is at least low + k/scale.
	starts     [257]int32
	low, scale float64
}

func (s *sorted) clear() { s.values = s.values[:0] }

func (s *sorted) add(x float64) { s.values = append(s.values, x) }

// sort makes the set ready for searches; it returns false for an empty set.
func (s *sorted) sort() bool {
	if len(s.values) == 0 {
		return false
	}
	slices.Sort(s.values)
	last := len(s.starts) - 1
	s.low = s.values[0]
	s.scale = 0
	if wide := s.values[len(s.values)-1] - s.low; wide > 0 {
		s.scale = float64(last) / wide
	}
	at := 0
	for k := range s.starts {
		for at < len(s.values) && s.bucket(s.values[at]) < k {
			at++
		}
		s.starts[k] = int32(at)
	}
	return true
}

func (s *sorted) bucket(x float64) int {
	return int(min(max((x-s.low)*s.scale, 0), float64(len(s.starts)-1)))
}

// search returns the index of the first value that is at least x.
func (s *sorted) search(x float64) int {
	k := s.bucket(x)
	from, to := int(s.starts[k]), len(s.values)
	if k+1 < len(s.starts) {
		to = int(s.starts[k+1])
	}
	return from + sort.SearchFloat64s(s.values[from:to], x)
}
