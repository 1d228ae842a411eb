package resource

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/trimtab-lb/trimtab/scorer"
)

// finest is the range of weights: its largest is set to some 650,000, so that a
// backend with a hundredth of another's share, squared, still has a weight above 60.
const finest = 1 << 20

// weigher turns plans into integers. It knows a plan's decisions by position: who
// calls it puts them into the order of the endpoints.
type weigher struct {
	pool      string
	balancing Balancing
	exponents exponents
	equality  equality
	memory    memory

	rounder  *scorer.Rounder
	limit    int
	exponent float64
	// recalled is a predecessor's memory, until the first plan.
	recalled *Memory
	// last are the weights sent, by backend.
	last map[string]int
	flat []scorer.Decision
}

func newWeigher(pool string, balancing Balancing) (*weigher, error) {
	balancing, err := balancing.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("pool %s: %w", pool, err)
	}
	return &weigher{
		pool: pool, balancing: balancing,
		exponents: exponents{balancing: balancing},
		last:      map[string]int{},
	}, nil
}

// adopt starts from the weights that were sent before a restart, so that a plan
// which they express changes nothing.
func (w *weigher) adopt(weights map[string]int) {
	w.last = map[string]int{}
	first := 0
	for name, weight := range weights {
		if weight <= 0 {
			continue
		}
		if first == 0 {
			first = weight
		}
		w.equality.unequal = w.equality.unequal || weight != first
		w.last[name] = weight
	}
	w.rounder = nil
}

// remember notes what served weights depend on besides the plan.
func (w *weigher) remember() Memory {
	switch {
	case w.recalled != nil:
		return *w.recalled
	case w.rounder == nil:
		return Memory{}
	}
	return Memory{
		Policy: w.balancing.Policy, Bias: w.balancing.ActiveRequestBias,
		Rounder: w.rounder.Memory(), Exponent: w.exponent, Weights: maps.Clone(w.last), Reported: w.exponents.reported,
		Unequal: w.equality.unequal, Odd: w.memory.odd,
	}
}

// recall goes on from a predecessor's memory, unless that was of another balancing.
func (w *weigher) recall(m Memory) {
	if !w.balancing.Same(Balancing{m.Policy, m.Bias}) {
		return
	}
	m = m.sane()
	w.adopt(m.Weights)
	w.exponents.reported, w.exponents.recalled = m.Reported, true
	w.equality.unequal, w.memory.odd = m.Unequal, m.Odd
	w.recalled = &m
}

// adopted are the shares that the adopted weights come to, nil without any.
func (w *weigher) adopted(p *scorer.Plan, kind scorer.Kind) map[string]float64 {
	if len(w.last) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(w.last))
	shares := make([]float64, len(names))
	for i, name := range names {
		shares[i] = math.Pow(float64(w.last[name]), 1/w.exponents.of(p, kind))
	}
	normalize(shares)
	out := make(map[string]float64, len(names))
	for i, name := range names {
		out[name] = shares[i]
	}
	return out
}

// weighed are a plan's weights, parallel to its decisions.
type weighed struct {
	// weights are 0 where the plan has none.
	weights []int
	// shares are what the weights come to, in plan units, of mean 1.
	shares []float64
	// equal is that the plan's differences were too small to tell.
	equal bool
}

func (w *weigher) weigh(p scorer.Plan, kind scorer.Kind) (weighed, error) {
	for i := range p.Decisions {
		if d := &p.Decisions[i]; !(d.Weight >= 0) || math.IsInf(d.Weight, 0) {
			return weighed{}, fmt.Errorf("pool %s: backend %q: weight %v is none", w.pool, d.Backend, d.Weight)
		}
	}
	w.prepare(len(p.Decisions), w.exponents.of(&p, kind))
	out := weighed{equal: w.equality.holds(&p, w.balancing)}
	if out.equal {
		p.Decisions = w.flatten(p.Decisions)
	}
	if w.equality.ordered {
		p.Law = scorer.LawStatic // whose shares are not grouped: a pin means what it says
	}
	rounded := w.rounder.Round(p, w.balancing.Algorithm())
	out.weights, out.shares = rounded.Weights, rounded.Shares
	normalize(out.shares)
	clear(w.last)
	for i := range p.Decisions {
		if rounded.Weights[i] > 0 {
			w.last[p.Decisions[i].Backend] = rounded.Weights[i]
		}
	}
	if w.memory.stale(&p) && kind == scorer.KindConnections && w.balancing.Policy == LeastRequest {
		w.memory.odd = !w.memory.odd
	}
	return out, nil
}

// prepare makes a new rounder when the old one no longer fits, which goes on from
// the weights that were sent last.
func (w *weigher) prepare(count int, exponent float64) {
	limit := finest
	for count > 0 && limit > math.MaxUint32/count {
		limit /= 2
	}
	if w.rounder != nil && limit == w.limit && exponent == w.exponent {
		return
	}
	w.limit, w.exponent = limit, exponent
	w.rounder = scorer.NewRounder(scorer.RounderConfig{Max: limit, Exponent: exponent})
	switch {
	case w.recalled != nil && w.recalled.Exponent == exponent:
		w.rounder.Recall(w.recalled.Rounder)
	case len(w.last) > 0:
		w.rounder.Adopt(w.last)
	}
	w.recalled = nil
}

// flatten returns the decisions with equal weights.
func (w *weigher) flatten(decisions []scorer.Decision) []scorer.Decision {
	w.flat = append(w.flat[:0], decisions...)
	for i := range w.flat {
		if w.flat[i].Weight > 0 {
			w.flat[i].Weight = 1
		}
	}
	return w.flat
}
