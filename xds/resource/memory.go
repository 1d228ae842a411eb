package resource

import (
	"math"

	"github.com/trimtab-lb/trimtab/scorer"
)

// leastHeld is how many connections a backend must have held on average for their
// end to be worth a push.
const leastHeld = 5

// memory notices when many connections have ended at once. With unequal weights
// Envoy's scheduler keeps the deadlines that it set while they were held, and
// sends nearly everything to one or two endpoints for a while (187 of 187 requests
// to one of four after 600 sockets had closed). Any change of a weight makes it
// start afresh.
type memory struct {
	most float64
	odd  bool
}

// stale reports, once for each time that it happens, that more than half of the
// most that was held since the last time is gone.
func (m *memory) stale(p *scorer.Plan) bool {
	var held float64
	for i := range p.Decisions {
		if n := p.Decisions[i].InFlight; !math.IsNaN(n) {
			held += n
		}
	}
	m.most = max(m.most, held)
	if held >= m.most/2 || m.most < leastHeld*float64(len(p.Decisions)) {
		return false
	}
	m.most = held
	return true
}

// touch changes the largest weight by one part in hundreds of thousands, and by
// nothing again the next time.
func (m *memory) touch(weights []uint32) {
	largest := 0
	for i, w := range weights {
		if w > weights[largest] {
			largest = i
		}
	}
	if m.odd && len(weights) > 0 {
		weights[largest] ^= 1
	}
}
