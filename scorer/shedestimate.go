package scorer

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// ShedEstimate is what it would take to even connections out, if nobody left by
// himself.
type ShedEstimate struct {
	// Count is how many would be asked to reconnect.
	Count int
	// From and To are from where and to where, sorted by name.
	From, To []ShedMove
	// Takes is until the last of them is expected to be back.
	Takes time.Duration
	// Delayed is why it takes longer than moving as many does; empty when it does not.
	Delayed string
	// Held is why it could not begin now; empty when it could.
	Held string
}

// ShedMove is one backend's part of it.
type ShedMove struct {
	Backend string
	Count   int
}

// EstimateShed tells what an order to rebalance would do after the newest step, all of
// it: what a backend that starts slowly will take in the end is counted. It changes
// nothing.
func (p *Pool) EstimateShed() ShedEstimate {
	if err := p.CanRebalance(); err != nil {
		return ShedEstimate{Held: err.Error()}
	}
	if p.shedder == nil || !p.holdsConnections() || p.seq == 0 {
		return ShedEstimate{Held: "no long-lived connections are known of here"}
	}
	permission := p.permission(p.last)
	permission.once = true
	away := p.shedder.away(p.last, p.holdings, float64(permission.config.Sharers))
	excess, deficits, total := p.shedder.moves(p.last, p.holdingsToCome(), away, &permission)
	out := ShedEstimate{Held: permission.held}
	if out.Held == "" {
		out.Held = p.shedder.hold(p.last, p.holdings)
	}
	var room float64
	for i, h := range p.holdings {
		room += deficits[i]
		if n := int(math.Floor(excess[i] + 1e-9)); n > 0 {
			out.From = append(out.From, ShedMove{h.name, n})
			out.Count += n
		}
	}
	for i, n := range apportion(out.Count, deficits, room) {
		if n > 0 {
			out.To = append(out.To, ShedMove{p.holdings[i].name, n})
		}
	}
	out.Takes = shedTime(excess, permission.config.Rate*total/float64(permission.config.Sharers))
	if why, left := p.startsSlowly(p.last); out.Count > 0 && left+lastBack > out.Takes {
		out.Takes, out.Delayed = left+lastBack, why
	}
	return out
}

// moves are by how much each backend is above where shedding stops, as far as the
// others have room, and below its goal, with nobody leaving by himself, and how many
// connections there are.
func (s *shedder) moves(now time.Time, in []holding, away float64, p *permission) (excess, deficits []float64, total float64) {
	total = away
	for i := range in {
		if in[i].share > 0 && isNumber(in[i].held) {
			total += in[i].held
		}
	}
	s.part(in, total)
	excess, deficits = make([]float64, len(in)), make([]float64, len(in))
	var over, room float64
	for i := range in {
		h, goal := &in[i], s.goals[i]
		switch {
		case !(h.share > 0):
			continue
		case !isNumber(h.held):
			room += goal // as far as is known
			continue
		}
		here := h.held - float64(p.config.Sharers)*s.states[h.name].closings.unseen(now, h.seen)
		deficits[i] = max(goal-here, 0)
		if most := math.Floor(here - goal + 1e-9); !h.taken && most > 0 {
			excess[i] = min(max(math.Ceil(here-p.config.StopBelow*goal-1e-9), 0), most)
		}
		over += excess[i]
		room += deficits[i]
	}
	for i := range excess {
		if over > room {
			excess[i] *= room / over
		}
	}
	return excess, deficits, total
}

// apportion shares a count out by largest remainders.
func apportion(count int, parts []float64, sum float64) []int {
	out := make([]int, len(parts))
	if !(sum > 0) {
		return out
	}
	order := make([]int, len(parts))
	rest := make([]float64, len(parts))
	left := count
	for i, part := range parts {
		exact := part / sum * float64(count)
		out[i], order[i] = int(exact), i
		rest[i] = exact - float64(out[i])
		left -= out[i]
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rest[b], rest[a]) })
	for _, i := range order[:left] {
		out[i]++
	}
	return out
}

// shedTime is how long the controller takes for these, at so many per second at most.
func shedTime(excess []float64, most float64) time.Duration {
	left := slices.Clone(excess)
	seconds := 0
	const longest = 24 * 3600
	for ; seconds < longest; seconds++ {
		sum := 0.0
		for _, x := range left {
			sum += shedPace(x)
		}
		if sum <= 0 {
			break
		}
		scale := min(1, most/sum)
		for i, x := range left {
			if left[i] = x - scale*shedPace(x); left[i] < 0.01 {
				left[i] = 0
			}
		}
	}
	if seconds == 0 {
		return 0
	}
	return time.Duration(seconds)*time.Second + lastBack
}
