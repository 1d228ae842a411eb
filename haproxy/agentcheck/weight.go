package agentcheck

import "strconv"

const (
	// maxWeight is HAProxy's largest weight.
	maxWeight = 256
	// maxPercent is the largest percentage that HAProxy reckons with.
	maxPercent = 100 * maxWeight
	// slew is by how much a weight that is told may change from one plan to the
	// next. It is also the step that plans take by default, so it delays nothing
	// but changes of scale.
	slew = 1.5
)

// percentFor is the percentage of the initial weight that comes closest to a
// weight, and the weight that HAProxy makes of it. A weight above 0 never
// becomes 0.
func percentFor(weight, initial int) (percent, applied int) {
	if weight <= 0 {
		return 0, 0
	}
	// HAProxy rounds down, so the percentage is rounded up.
	percent = min((100*weight+initial-1)/initial, maxPercent)
	applied = appliedFor(percent, initial)
	if lower := percent - 1; lower > 0 {
		if below := appliedFor(lower, initial); below > 0 && weight-below < applied-weight {
			return lower, below
		}
	}
	return percent, applied
}

// appliedFor is HAProxy's arithmetic.
func appliedFor(percent, initial int) int {
	return min(min(percent, maxPercent)*initial/100, maxWeight)
}

// slewed is the weight to tell next on the way from the one told last.
//
// HAProxy asks for one server after the other. Until all have asked, some have
// the weights of the last plan, and a change of scale, which is none of shares,
// would be one of shares for so long: servers with an initial weight of 1 would
// get nothing beside one that was told 160 first.
func slewed(want, last int) int {
	if want <= 0 || last <= 0 {
		return want
	}
	low, high := int(float64(last)/slew), int(float64(last)*slew+0.999)
	return min(max(want, low), max(high, last+1))
}

func percentLine(percent int) []byte {
	return append(strconv.AppendInt(nil, int64(percent), 10), '%', '\n')
}
