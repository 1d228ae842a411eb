package scorer

import "math"

// bounded is one backend's wish and the bounds that its weight must keep.
type bounded struct {
	wish, low, high, weight float64
	// pinned is that the bounds are a person's, which nothing widens.
	pinned bool
}

// fit finds the weights that are nearest to the wishes in ratio, keep every
// bound and have mean 1: weight = clamp(wish·k, low, high) for the one k with
// which the mean is right. Where the steps leave no room for that, as when
// those that had most of the work leave at once, floor and ceiling alone bind, and
// where pinned weights leave none, the mean is not 1.
func fit(in []bounded, l Limits) {
	if len(in) == 0 {
		return
	}
	n := float64(len(in))
	var lows, highs float64
	for i := range in {
		lows += in[i].low
		highs += in[i].high
	}
	if lows > n*(1+1e-9) || highs < n*(1-1e-9) {
		for i := range in {
			if !in[i].pinned {
				in[i].low, in[i].high = l.Floor, l.Ceiling
			}
		}
	}
	var total float64
	for i := range in {
		total += in[i].wish
	}
	k := n / total
	// The sum grows with k and is linear between the points where a weight
	// reaches a bound: Newton's steps, kept inside a bracket, end in a few.
	low, high := 0.0, math.Inf(1)
	for range 200 {
		var sum, slope float64
		for i := range in {
			b := &in[i]
			w := b.wish * k
			switch {
			case w <= b.low:
				w = b.low
			case w >= b.high:
				w = b.high
			default:
				slope += b.wish
			}
			b.weight = w
			sum += w
		}
		miss := n - sum
		if math.Abs(miss) <= 1e-12*n {
			return
		}
		if miss > 0 {
			low = k
		} else {
			high = k
		}
		next := k + miss/slope
		if slope == 0 || next <= low || next >= high {
			if math.IsInf(high, 1) {
				next = 2 * k
			} else {
				next = (low + high) / 2
			}
		}
		if next == k {
			return
		}
		k = next
	}
}

// stepBounds returns the bounds of a weight from its last value: floor and
// ceiling, and one step from where it was; before is 0 when it was nowhere.
func stepBounds(l Limits, before float64) (low, high float64) {
	low, high = l.Floor, l.Ceiling
	if before > 0 {
		before = min(max(before, l.Floor), l.Ceiling)
		low = max(low, before/(1+l.Step))
		high = min(high, before*(1+l.Step))
	}
	return low, high
}
