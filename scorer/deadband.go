package scorer

import (
	"math"
	"slices"
	"sort"
)

// maxDeadband bounds how long a doubtful estimate is kept from moving a weight.
const maxDeadband = 0.15

// deadband holds published logarithms until what is wanted has moved clearly
// away: every change of a weight costs the proxies work and people attention,
// and most of what an estimate does from second to second is noise.
type deadband struct {
	movers []float64
}

// heldLog is one backend's logarithm: what the law wants, what is published,
// and the width that must be left for it to move.
type heldLog struct {
	want, held, width float64
	known, moved      bool
}

// tie is a difference of two estimates that arithmetic alone makes.
const tie = 1e-4

// move publishes what has left its band. A backend that waits in its band is
// kept between those that moved on either side of it, so that a better backend
// never has less than a worse one for having waited.
func (d *deadband) move(in []heldLog) {
	d.movers = d.movers[:0]
	for i := range in {
		h := &in[i]
		h.moved = !h.known || math.Abs(h.want-h.held) > h.width
		if h.moved {
			h.held, h.known = h.want, true
			d.movers = append(d.movers, h.want)
		}
	}
	if len(d.movers) == 0 {
		return
	}
	slices.Sort(d.movers)
	for i := range in {
		if !in[i].moved {
			d.keepBetween(&in[i])
		}
	}
}

func (d *deadband) keepBetween(h *heldLog) {
	// The movers wanted as much or more: none of them may have less.
	if at := sort.SearchFloat64s(d.movers, h.want-tie); at < len(d.movers) {
		h.held = min(h.held, d.movers[at])
	}
	// The movers wanted as much or less: none of them may have more.
	if at := sort.SearchFloat64s(d.movers, h.want+tie); at > 0 {
		h.held = max(h.held, d.movers[at-1])
	}
}

// deadbandWidth is the width for an estimate with the given standard deviation.
func deadbandWidth(configured, deviation float64) float64 {
	return max(math.Log1p(configured), min(deviation, maxDeadband))
}
