package advice

import "slices"

const (
	// leastGain is the share of p99 below which a gain is noise: about as far as this
	// simulation is from real proxies.
	leastGain = 0.05
	// worse is what another utilization than the likeliest, or the mean, may lose for a
	// change to be worth it all the same.
	worse = 0.02
)

// choose fills in the verdict and what follows from it.
func (p *pool) choose(g group, part *Part) {
	middle := part.Plays[len(part.Plays)/2]
	best, ok := pick(part.Plays)
	if !middle.Rows[0].InForce {
		best, ok = leastP99(middle.Rows), true
	}
	if !ok {
		part.Verdict, part.Choice = Keep, &part.InForce
		part.Says = p.keepSays(middle)
		return
	}
	row := middle.Rows[best]
	part.Verdict, part.Choice = Change, &row.Choice
	part.Says = p.changeSays(part.Plays, best)
	part.Apply = p.apply(g, row.candidate)
}

// pick is the best candidate that is worth a change; false when none is. It is judged
// in the middle of the utilizations that the pool may have, and must do no harm in any.
func pick(plays []Play) (best int, ok bool) {
	middle := plays[len(plays)/2].Rows
	if !middle[0].InForce {
		return 0, false
	}
	var worth []int
	for k := 1; k < len(middle); k++ {
		if worthwhile(plays, k) {
			worth = append(worth, k)
		}
	}
	if len(worth) == 0 {
		return 0, false
	}
	most := slices.MaxFunc(worth, func(a, b int) int { return compare(*middle[a].Gain, *middle[b].Gain) })
	// Of those that are as good, one that changes less.
	for _, closest := range []struct {
		within float64
		same   func(Choice) bool
	}{
		{leastGain, func(c Choice) bool { return c.Algorithm == middle[0].Algorithm }},
		{worse, func(c Choice) bool { return c.Weights == middle[0].Weights }},
		{worse, func(Choice) bool { return true }},
	} {
		for _, k := range worth {
			if closest.same(middle[k].Choice) && *middle[k].Gain >= *middle[most].Gain-closest.within {
				return k, true
			}
		}
	}
	return most, true
}

func worthwhile(plays []Play, k int) bool {
	row := plays[len(plays)/2].Rows[k]
	if row.Gain == nil || *row.Gain < row.noise() || row.Overloads { // whose times mean nothing
		return false
	}
	for _, play := range plays {
		r, now := play.Rows[k], play.Rows[0]
		if r.Gain == nil || *r.Gain < -worse || r.Mean > now.Mean*(1+leastGain) {
			return false
		}
	}
	return true
}

// noise is the gain that a row must have for it to be one: what simulations are off
// by, or what seeds differ by.
func (r *Row) noise() float64 { return max(leastGain, (*r.GainMost-*r.GainLeast)/2) }

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// leastP99 is of those that overload no server, if there are any.
func leastP99(rows []Row) int {
	best := 0
	for k := range rows {
		r, least := &rows[k], &rows[best]
		if r.Overloads == least.Overloads && r.P99 < least.P99 || !r.Overloads && least.Overloads {
			best = k
		}
	}
	return best
}
