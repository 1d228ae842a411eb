package scorer

import (
	"math"
	"slices"
)

const (
	// The largest weight is set to one part of the range and left alone between
	// two others. It stays away from the top: HAProxy's leastconn divides
	// integers, and with one request in flight all weights from 171 to 256 are
	// the same to it (p99 0.98 for a largest of at most 200 against 256 beside
	// busy neighbours, 0.95 with speeds that change).
	largestSet  = 0.625
	largestLow  = 0.375
	largestHigh = 0.75
	// sameInput is the difference that arithmetic alone makes.
	sameInput = 1e-9
)

// RounderConfig describes one target's weights.
type RounderConfig struct {
	// Max is the largest weight the target takes; weights are 1..Max, and 0
	// only for backends that get nothing. HAProxy: 256.
	Max int
	// Exponent turns shares into weights where a data plane does not share in
	// proportion to them: weight = share^Exponent. 0 means 1.
	Exponent float64
	// Constants say what is near enough to be made equal; nil is [DefaultConstants].
	Constants *Constants
}

// Rounder turns plans into one target's integers, with as few changes as
// possible: near-equal weights become exactly equal, the scale is held until it
// no longer fits, and a plan that differs from the last one by a common factor
// changes nothing. One goroutine owns a Rounder.
type Rounder struct {
	constants *Constants
	max       int
	exponent  float64
	// unit is the weight of a logarithm of 0.
	unit  float64
	held  map[string]heldWeight
	items []roundItem
}

type heldWeight struct {
	// input is the plan's logarithm when published was last set.
	input, published float64
}

type roundItem struct {
	decision                 int
	input, before, published float64
	known, pinned            bool
}

// Rounded is the result of rounding a plan; both slices are parallel to
// Plan.Decisions.
type Rounded struct {
	// Weights are integers, 0 for a backend that gets no new work. For a
	// decision with a pulse it is the weight during the pulse.
	Weights []int
	// Shares are what the integers mean in plan units; only ratios matter.
	Shares []float64
}

// NewRounder returns a Rounder that knows of no weights yet.
func NewRounder(config RounderConfig) *Rounder {
	if config.Exponent == 0 {
		config.Exponent = 1
	}
	if config.Constants == nil {
		config.Constants = new(DefaultConstants())
	}
	return &Rounder{constants: config.Constants, max: config.Max, exponent: config.Exponent, held: map[string]heldWeight{}}
}

// Adopt starts from the weights that the target has already, so that a plan
// which they express is no reason to change them. It forgets what was held.
func (r *Rounder) Adopt(weights map[string]int) {
	clear(r.held)
	largest := 0
	for _, w := range weights {
		largest = max(largest, w)
	}
	r.unit = float64(largest)
	for name, w := range weights {
		if w > 0 {
			l := math.Log(float64(w) / r.unit)
			r.held[name] = heldWeight{input: l, published: l}
		}
	}
}

// RounderMemory is what a [Rounder] holds. It is plain data.
type RounderMemory struct {
	// Unit is the weight of a logarithm of 0.
	Unit float64 `json:"unit"`
	// Held are the logarithms of each backend: the plan's when the weight was set
	// last, and the weight's.
	Held map[string][2]float64 `json:"held"`
}

// Memory notes what is held.
func (r *Rounder) Memory() RounderMemory {
	out := RounderMemory{Unit: r.unit, Held: make(map[string][2]float64, len(r.held))}
	for name, h := range r.held {
		out.Held[name] = [2]float64{h.input, h.published}
	}
	return out
}

// Recall goes on from what a Rounder of the same configuration held: the plan that
// it was given last changes nothing. Values that make no sense are left out.
func (r *Rounder) Recall(m RounderMemory) {
	clear(r.held)
	if r.unit = m.Unit; !(m.Unit > 0) || math.IsInf(m.Unit, 0) {
		r.unit = 0
		return
	}
	for name, h := range m.Held {
		if isNumber(h[0]) && isNumber(h[1]) {
			r.held[name] = heldWeight{input: h[0], published: h[1]}
		}
	}
}

// Round returns the integers for p. The algorithm decides how different two
// weights must be to be worth telling apart.
func (r *Rounder) Round(p Plan, algorithm Algorithm) Rounded {
	r.collect(p)
	if moved := r.removeCommonFactor(); moved {
		// Configured weights are a person's word: they stay as they are.
		if p.Law == LawStatic {
			r.takeAsIs()
		} else {
			r.makeEqual(algorithm)
		}
	}
	r.fitScale()
	return r.publish(p)
}

func (r *Rounder) collect(p Plan) {
	r.items = r.items[:0]
	for i, d := range p.Decisions {
		if d.Weight <= 0 {
			continue
		}
		l := r.exponent * math.Log(d.Weight)
		item := roundItem{decision: i, input: l, published: l, pinned: d.Pinned}
		if h, ok := r.held[d.Backend]; ok {
			item.known = true
			item.before, item.published = h.input, h.published
		}
		r.items = append(r.items, item)
	}
}

// removeCommonFactor shifts the inputs to the scale of the values held, and
// reports whether anything but that scale differs from the last plan.
func (r *Rounder) removeCommonFactor() bool {
	// Weights have mean 1, so one backend that moves shifts all others a
	// little; the median is what most of them moved by.
	var shifts []float64
	for i := range r.items {
		if r.items[i].known {
			shifts = append(shifts, r.items[i].input-r.items[i].before)
		}
	}
	shift := 0.0
	if len(shifts) > 0 {
		slices.Sort(shifts)
		shift = shifts[len(shifts)/2]
	}
	moved := false
	for i := range r.items {
		item := &r.items[i]
		item.input -= shift
		moved = moved || !item.known || math.Abs(item.input-item.before) > sameInput
	}
	return moved
}

func (r *Rounder) takeAsIs() {
	for i := range r.items {
		r.items[i].published = r.items[i].input
	}
}

func (r *Rounder) makeEqual(algorithm Algorithm) {
	width := r.constants.EqualWidth
	if algorithm == LeastRequest {
		width = r.constants.EqualWidthLeastRequest
	}
	slices.SortFunc(r.items, func(a, b roundItem) int {
		switch {
		case a.input < b.input:
			return -1
		case a.input > b.input:
			return 1
		default:
			return a.decision - b.decision
		}
	})
	for start := 0; start < len(r.items); {
		end, sum := start, 0.0
		for end < len(r.items) && r.items[end].input-r.items[start].input <= width {
			sum += r.items[end].input
			end++
		}
		group := r.items[start:end]
		value := sum / float64(len(group))
		if kept, ok := mostCommon(group); ok && math.Abs(kept-value) <= r.constants.EqualKeep {
			value = kept
		}
		for i := range group {
			group[i].published = value
			if group[i].pinned {
				group[i].published = group[i].input
			}
		}
		start = end
	}
}

// mostCommon returns the value that most members of the group are published
// with already.
func mostCommon(group []roundItem) (float64, bool) {
	best, bestCount := 0.0, 0
	for i := range group {
		if !group[i].known {
			continue
		}
		count := 0
		// A group of many equal members is the rule and its first value wins at
		// once; quadratic work is bounded by stopping at a majority.
		for j := range group {
			if group[j].known && group[j].published == group[i].published {
				count++
			}
		}
		if count > bestCount {
			best, bestCount = group[i].published, count
		}
		if 2*bestCount >= len(group) || i > 32 {
			break
		}
	}
	return best, bestCount > 0
}

// fitScale chooses a new unit only when the largest weight no longer fits, or
// when the weights have become too small to tell shares apart.
func (r *Rounder) fitScale() {
	if len(r.items) == 0 {
		return
	}
	low, high := math.Inf(1), math.Inf(-1)
	for i := range r.items {
		low, high = min(low, r.items[i].published), max(high, r.items[i].published)
	}
	largest := r.unit * math.Exp(high)
	limit := float64(r.max)
	if high-low > sameInput {
		limit *= largestHigh
	}
	coarse := largest < largestLow*float64(r.max) && high-low > sameInput
	if r.unit == 0 || largest > limit+0.5 || coarse {
		r.unit = largestSet * float64(r.max) / math.Exp(high)
	}
}

func (r *Rounder) publish(p Plan) Rounded {
	out := Rounded{Weights: make([]int, len(p.Decisions)), Shares: make([]float64, len(p.Decisions))}
	for i := range r.items {
		item := &r.items[i]
		w := int(math.Round(r.unit * math.Exp(item.published)))
		w = min(max(w, 1), r.max)
		out.Weights[item.decision] = w
		out.Shares[item.decision] = math.Pow(float64(w), 1/r.exponent)
		r.held[p.Decisions[item.decision].Backend] = heldWeight{input: item.input, published: item.published}
	}
	if len(r.held) > 2*len(p.Decisions) {
		r.forget(p)
	}
	return out
}

// forget drops backends that are gone, so that a pool whose members change
// names for ever does not grow.
func (r *Rounder) forget(p Plan) {
	present := make(map[string]bool, len(p.Decisions))
	for _, d := range p.Decisions {
		present[d.Backend] = true
	}
	for name := range r.held {
		if !present[name] {
			delete(r.held, name)
		}
	}
}
