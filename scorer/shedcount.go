package scorer

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// fit makes what is wanted of each backend fit into the rate and into the room that
// there is. It returns why nobody can be moved, if that is so.
func (s *shedder) fit(now time.Time, seconds float64, in []holding, away float64, p *permission) (stuck string) {
	sharers := float64(p.config.Sharers)
	s.wants = slices.Grow(s.wants[:0], len(in))[:len(in)]
	room, sum, underWay := -away, 0.0, away
	for i := range in {
		h, v, b := &in[i], &s.verdicts[i], s.states[in[i].name]
		s.wants[i] = 0
		room -= b.unseen
		underWay += b.unseen
		if h.share > 0 {
			room += max(v.goal-(h.held-b.unseen), 0)
		}
		if !b.active {
			continue
		}
		if s.stuck(now, h, b, v) {
			stuck = cmp.Or(stuck, h.name+": "+v.why)
			continue
		}
		s.wants[i] = shedPace(v.excess) * seconds / sharers
		sum += s.wants[i]
	}
	if most := max(min(s.bucket, room/sharers), 0); sum > most {
		for i := range s.wants {
			s.wants[i] *= most / sum
		}
	}
	s.room = room / sharers
	switch {
	case sum > 0 && room <= 0 && underWay <= 0:
		return "no backend may have more than it has"
	case sum > 0:
		return ""
	default:
		return stuck
	}
}

// shedPace is how many of an excess are asked per second: a part of it, and towards the
// end one by one.
func shedPace(excess float64) float64 {
	if excess <= 0 {
		return 0
	}
	return max(excess*shedGain, min(1, max(excess, shedGain)))
}

// stuck says whether closing did not move anybody: over ten seconds of closings, all
// of which had five more to show.
func (s *shedder) stuck(now time.Time, h *holding, b *shedState, v *shedVerdict) bool {
	const judged, shown = 15 * time.Second, 5 * time.Second
	if before, known := b.seen.at(now.Add(-judged)); known {
		pool, _ := s.totals.at(now.Add(-judged))
		closed := b.closings.between(now, now.Add(-judged), now.Add(-shown))
		grown := 1.0
		if pool > 0 { // less than before is mostly who is on the way
			grown = max(s.totals.last()/pool, 1)
		}
		if closed >= fewMoved && before*grown-h.held < leastMoved*closed {
			b.unmoved = now.Add(unmovedFor)
		}
	}
	if !now.Before(b.unmoved) {
		return false
	}
	v.why = fmt.Sprintf("clients that were closed came back to it: left alone for %v", b.unmoved.Sub(now).Round(time.Second))
	return true
}

// ask makes whole numbers of what is wanted. Chance rounds them, so that several who
// see the same do not all do the same.
func (s *shedder) ask(now time.Time, seconds float64, in []holding, p *permission) int {
	s.order = s.order[:0]
	for i := range in {
		if s.wants[i] > 0 {
			s.order = append(s.order, i)
		}
	}
	slices.SortStableFunc(s.order, func(a, b int) int { return cmp.Compare(s.wants[b], s.wants[a]) })
	left := int(max(min(s.bucket, s.room), 0))
	asked := 0
	for _, i := range s.order {
		h, v, b := &in[i], &s.verdicts[i], s.states[in[i].name]
		count := int(s.wants[i] + s.random.Float64())
		// Nobody is asked to leave a backend that would have less than its part then.
		spare := h.held - b.unseen - v.goal
		count = max(min(count, left, int(math.Floor(spare+1e-9))), 0)
		left -= count
		asked += count
		v.count = count
		v.why = fmt.Sprintf("%.0f connections where its goal is %.0f", h.held, v.goal)
		if p.recording {
			b.closings.ask(p.seq, now, seconds, count)
		}
	}
	if p.recording {
		s.bucket -= float64(asked)
	}
	return asked
}
