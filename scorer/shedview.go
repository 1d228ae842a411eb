package scorer

import (
	"math"
	"time"
)

// see takes a new view. It is to be called at every step, whether or not anything
// may be done. partial is that it may show less than there is.
func (s *shedder) see(now time.Time, in []holding, proxies int, sharers float64, partial bool) {
	if partial || proxies != s.proxies {
		s.beginViews()
	}
	serving, total, changed := 0, 0.0, proxies != s.proxies
	for i := range in {
		h := &in[i]
		state := s.states[h.name]
		if state == nil {
			state = &shedState{leaving: average{memory: leavingMemory, age: leavingKnown}}
			s.states[h.name] = state
		}
		state.look(now, h, sharers)
		state.unseen = sharers * state.closings.unseen(now, h.seen)
		changed = changed || state.serving != (h.share > 0)
		if state.serving = h.share > 0; state.serving {
			serving++
			total = plus(total, h.held)
		}
	}
	if changed || serving != s.members {
		s.members, s.proxies, s.totals = serving, proxies, series{}
		s.settled = now.Add(shedSettle)
	}
	if isNumber(total) {
		s.totals.add(now, total)
	}
	s.dear.look(now, in, func(name string) bool {
		b := s.states[name]
		return b != nil && b.closings.shed(now, now.Add(-closingsKept))
	})
	s.forget(now, in)
}

// beginViews forgets what was seen before: where other proxies count, or not all that
// they have, the difference is nobody who came or left.
func (s *shedder) beginViews() {
	s.totals = series{}
	for _, b := range s.states {
		b.viewed, b.seen = time.Time{}, series{}
	}
}

// look learns how many leave by themselves: who was here before or came since, is
// not here any more and was not closed by us.
func (b *shedState) look(now time.Time, h *holding, sharers float64) {
	b.closings.forget(now)
	if math.IsNaN(h.held) || !h.seen.After(b.viewed) {
		return
	}
	passed := h.seen.Sub(b.viewed).Seconds()
	closed := sharers * b.closings.settle(now, h.seen)
	if !b.viewed.IsZero() && isNumber(h.opened) && passed < leavingMemory {
		left := h.opened*passed - (h.held - b.seen.last()) - closed
		b.leaving.add(left/passed, passed)
	}
	b.viewed = h.seen
	b.seen.add(now, h.held)
}

func (s *shedder) forget(now time.Time, in []holding) {
	if len(s.states) <= len(in) {
		return
	}
	present := make(map[string]bool, len(in))
	for i := range in {
		present[in[i].name] = true
	}
	for name, b := range s.states {
		if b.closings.forget(now); !present[name] && len(b.closings.all) == 0 {
			delete(s.states, name)
		}
	}
}

// away is how many have been closed, are in no view any more and will come back: by
// the time that clients usually take, or by how many fewer there are than there were
// in the last minute, if that is more.
func (s *shedder) away(now time.Time, in []holding, sharers float64) float64 {
	var total, expected, closed float64
	for i := range in {
		h, c := &in[i], &s.states[in[i].name].closings
		if math.IsNaN(h.held) {
			continue
		}
		if h.share > 0 {
			total += h.held
		}
		expected += c.away(now, h.seen)
		closed += c.between(now, now.Add(-closingsKept), h.seen)
	}
	return max(sharers*expected, min(sharers*closed, s.totals.largest()-total))
}
