package resource

import (
	"math"

	"github.com/trimtab-lb/trimtab/scorer"
)

const (
	// unequalAbove and equalBelow are the ratios of the largest share to the
	// smallest, as logarithms, above which weights are told apart and below which
	// they are made equal again. Envoy's LEAST_REQUEST takes two random choices
	// while weights are equal, and that reacts better to what no law sees in time
	// (with a neighbour that wanders, p99 165 ms against 240 ms by deadlines).
	unequalAbove = 0.2
	equalBelow   = 0.1
	// exactly is the difference that arithmetic alone makes.
	exactly = 1e-9
)

// equality decides whether all weights of a cluster are the same.
type equality struct {
	unequal bool
	// ordered is that an operator has pinned some of them.
	ordered bool
}

// holds says whether the plan's backends differ too little to be told apart.
func (e *equality) holds(p *scorer.Plan, balancing Balancing) bool {
	low, high := math.Inf(1), math.Inf(-1)
	e.ordered = false
	for i := range p.Decisions {
		d := &p.Decisions[i]
		if !takesWork(d) {
			continue
		}
		l := math.Log(d.Weight)
		e.ordered = e.ordered || d.Pinned
		low, high = min(low, l), max(high, l)
	}
	if balancing.Policy != LeastRequest || p.Law == scorer.LawStatic {
		return false // nothing to lose by exactness, or a person's word
	}
	switch spread := high - low; {
	case e.ordered: // a pin is an order, however small the difference
		e.unequal = spread > exactly
	case spread > unequalAbove:
		e.unequal = true
	case !(spread >= equalBelow): // also nobody at all
		e.unequal = false
	}
	return !e.unequal
}
