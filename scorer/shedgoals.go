package scorer

import (
	"fmt"
	"slices"
)

// part parts connections out by the shares, nobody more than it may have: what one has
// no room for is the others', by their shares.
func (s *shedder) part(in []holding, total float64) {
	s.goals = slices.Grow(s.goals[:0], len(in))[:len(in)]
	clear(s.goals)
	full := func(i int) bool { return in[i].limit > 0 && s.goals[i] >= in[i].limit }
	for range len(in) { // who is full stays so: at least one is more each time
		left, shares := total, 0.0
		for i := range in {
			if full(i) {
				left -= in[i].limit
			} else {
				shares += in[i].share
			}
		}
		again := false
		for i := range in {
			if full(i) || !(shares > 0) {
				continue
			}
			s.goals[i] = in[i].share / shares * max(left, 0)
			if full(i) {
				s.goals[i], again = in[i].limit, true
			}
		}
		if !again {
			return
		}
	}
}

// limited says who would have more if it might.
func (s *shedder) limited(in []holding) string {
	for i := range in {
		if h := &in[i]; h.share > 0 && h.limit > 0 && s.goals[i] >= h.limit {
			return fmt.Sprintf("; %s may have no more than %.0f", h.name, h.limit)
		}
	}
	return ""
}
