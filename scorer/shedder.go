package scorer

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// shedder decides how many connections of which backend are asked to reconnect. It
// knows neither clock nor proxy:
//
//	holdings ──▶ goals m_i ──▶ excess x_i ──▶ a fifth of it per second ──▶ counts
//	                 ▲             ▲           (rate, room, jitter)          │
//	                 └── away ─────┴── unseen, natural closes ◀── closings ◀─┘
//
//	m_i = share_i · (Σ n + away)              its part of all, those on their way too,
//	                                          as far as its limit; the others have the rest
//	x_i = n_i − unseen_i − horizon·c_i − 1.04·m_i
//
// n_i is what it has open in the newest view, unseen_i what has been closed since
// then, c_i how many leave per second by themselves and are not replaced. Each of
// several sharers does its part of x_i and counts what it closed for all of them.
//
// Asking for the excess at every step would close it again and again until the
// effect is seen: 5 times what is needed with views 2 s old, 8.5 times with two
// controllers.
type shedder struct {
	states map[string]*shedState
	random *rand.Rand
	// bucket holds what the rate allows.
	bucket float64
	totals series
	// settled is from when on enough has been seen since the pool last changed.
	settled time.Time
	members int
	proxies int
	dear    wandering
	// room is what the receivers have left in this step, this sharer's part of it.
	room     float64
	order    []int
	wants    []float64
	goals    []float64
	verdicts []shedVerdict
}

// holding is what the controller sees of one backend.
type holding struct {
	name string
	// held is what it has open, NaN when not known, and seen when that was so.
	held float64
	seen time.Time
	// opened is connections per second that came to it; NaN when not known.
	opened float64
	// share is its part of all connections, 0 for one that is to have none. inflow
	// is the part of new ones that it gets whatever it holds; 0 where the balancer
	// looks at that.
	share, inflow float64
	// capacity and utilization are for the receivers' room; the latter may be NaN.
	capacity, utilization float64
	fresh                 bool
	// limit is how many it may have, 0 for any number.
	limit float64
	// dear is what its dear connections cost beyond the others and fair its part of
	// all load, in the same unit; taken is that the first is all of the second.
	dear, fair float64
	taken      bool
}

// shedState is what is remembered of one backend.
type shedState struct {
	closings closings
	// unseen is how many of them the view still shows.
	unseen float64
	// leaving is natural closes per second.
	leaving average
	// seen is what its views have shown, viewed the time of the newest.
	seen   series
	viewed time.Time
	// serving is that it took part in the newest view.
	serving bool
	active  bool
	// unmoved is until when it is left alone since its clients come back to it.
	unmoved time.Time
}

// shedVerdict is what is decided for one holding.
type shedVerdict struct {
	goal, excess float64
	count        int
	why          string
}

// permission is whether, and how, connections may be asked to reconnect.
type permission struct {
	config ShedConfig
	// once is that the order is to balance now, however little is to be done; then
	// StopBelow is where it starts, too.
	once bool
	// held is why nobody may be asked now; empty when nothing forbids it.
	held string
	// recording is that what is asked will be done.
	recording bool
	seq       uint64
}

const (
	// shedGain is the part of an excess that is asked per second. Views that are some
	// seconds old allow no more; a tenth takes twice as long.
	shedGain = 0.2
	// shedSettle is how long a changed pool is looked at before anything is done.
	shedSettle = 5 * time.Second
	// leavingMemory is over how many seconds natural closes are averaged.
	leavingMemory = 30
	// leavingKnown is for how many seconds nobody is taken to have left before
	// anything is seen: a few who leave in the first second are not a stream of them.
	leavingKnown = 5
	// mostReceiving is the utilization of those that would take over above which
	// nobody is sent to them.
	mostReceiving = 0.9
	// leastMoved is the part of those closed that a backend has to lose for closing
	// more to make sense, fewMoved how many it takes to judge that, and unmovedFor
	// how long it is left alone when it does not.
	leastMoved = 0.3
	fewMoved   = 10
	unmovedFor = 2 * time.Minute
)

func newShedder(seed uint64) *shedder {
	return &shedder{states: map[string]*shedState{}, random: rand.New(rand.NewPCG(seed, 0))}
}

// judge finds everybody's goal and excess.
func (s *shedder) judge(now time.Time, in []holding, p *permission) (away, total float64) {
	sharers := float64(p.config.Sharers)
	away = s.away(now, in, sharers)
	var leaving float64
	for i := range in {
		if in[i].share > 0 && !math.IsNaN(in[i].held) {
			total += in[i].held
			leaving += max(s.states[in[i].name].leaving.value, 0)
		}
	}
	s.part(in, total+away)
	s.verdicts = slices.Grow(s.verdicts[:0], len(in))[:len(in)]
	for i := range in {
		h, v := &in[i], &s.verdicts[i]
		*v = shedVerdict{goal: s.goals[i]}
		if !(h.share > 0) || math.IsNaN(h.held) {
			continue
		}
		b := s.states[h.name]
		here := h.held - b.unseen
		lost := max(max(b.leaving.value, 0)-h.inflow*leaving, 0) * max(p.config.Horizon.Seconds(), 0)
		v.excess = here - lost - p.config.StopBelow*v.goal
		if !above(here, v.goal) {
			v.excess = min(v.excess, 0)
		}
		b.start(here, v, p)
		if b.active && h.taken {
			b.active = false
			v.why = "what it does for a few dear connections takes all of it: fewer others would not help"
		}
	}
	return away, total
}

// above says whether a backend has a whole connection more than its goal: three of five
// on two backends are as near as it gets.
func above(held, goal float64) bool { return held-goal >= 1-1e-9 }

// start begins and ends to shed from a backend.
func (b *shedState) start(here float64, v *shedVerdict, p *permission) {
	from := p.config.StartAbove
	if p.once {
		from = p.config.StopBelow
	}
	switch {
	case v.excess <= 0:
		b.active = false
	case here > from*v.goal:
		b.active = true
	}
}

// step decides. The verdicts are good until the next step.
func (s *shedder) step(now time.Time, seconds float64, in []holding, p permission) Shedding {
	away, total := s.judge(now, in, &p)
	out := Shedding{UnderWay: int(math.Round(away))}
	over, unknown := 0.0, "" // over is above where it would begin, whoever is on the way
	for i := range in {
		h, b, v := &in[i], s.states[in[i].name], &s.verdicts[i]
		if b.active {
			out.Excess += int(math.Ceil(v.excess - 1e-9))
		}
		switch {
		case h.share > 0 && math.IsNaN(h.held):
			unknown = cmp.Or(unknown, nothingNew(h.name))
		case !h.taken && above(h.held, v.goal) && v.goal > 0:
			over = max(over, h.held/v.goal)
		}
	}
	allowed := p.config.Rate * total * seconds / float64(p.config.Sharers)
	s.bucket = min(s.bucket+allowed, allowed+1)
	p.held = cmp.Or(p.held, s.hold(now, in))
	switch {
	case out.Excess == 0 && unknown != "":
		out.State, out.Why = ShedHeld, cmp.Or(p.held, unknown)
	case out.Excess == 0 && over > p.config.StartAbove:
		out.State, out.Why = ShedWaiting, "who is on the way, or leaves anyway, is enough"
	case out.Excess == 0:
		out.State, out.Why = ShedBalanced, "every backend is near its goal"+s.limited(in)
	case p.held != "":
		out.State, out.Why = ShedHeld, p.held
	default:
		if stuck := s.fit(now, seconds, in, away, &p); stuck != "" {
			out.State, out.Why = ShedHeld, stuck
			break
		}
		out.State, out.Asked = ShedActive, s.ask(now, seconds, in, &p)
		out.Why = fmt.Sprintf("%d connections too many on the busiest backends, %.2f times their goal at most", out.Excess, over)
	}
	return out
}

const justChanged = "the pool has just changed: looking at it for some seconds first"

func nothingNew(name string) string { return name + ": nothing new is known of it" }

// hold says why nobody may be asked although somebody should.
func (s *shedder) hold(now time.Time, in []holding) string {
	if now.Before(s.settled) {
		return justChanged
	}
	for i := range in {
		if h := &in[i]; h.share > 0 && (!h.fresh || math.IsNaN(h.held)) {
			return nothingNew(h.name)
		}
	}
	if used, capacity := s.receiving(in); used > mostReceiving*capacity {
		return fmt.Sprintf("the backends that would take over are at %.0f %% of what they can", 100*used/capacity)
	}
	return s.dear.hold(now)
}

// receiving is what those below their goals use, and what they can.
func (s *shedder) receiving(in []holding) (used, capacity float64) {
	for i := range in {
		if h := &in[i]; h.share > 0 && h.held < s.verdicts[i].goal && !math.IsNaN(h.utilization) {
			used += h.capacity * h.utilization
			capacity += h.capacity
		}
	}
	return used, capacity
}
