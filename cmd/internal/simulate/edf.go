package simulate

import "math"

// edf is Envoy's scheduler: earliest deadline first, where an endpoint that is
// picked comes again after 1/weight. Of equal deadlines the one that was set
// first comes first.
type edf struct {
	view
	// weight is an endpoint's weight at the instant that it is picked.
	weight func(host int32) float64
	hosts  []int32
	equal  bool
	// deadlines are by time and the order in which they were set.
	deadlines tournament
	order     uint64
	// ahead is how many picks every new schedule has behind it.
	ahead uint32
}

// mostAhead bounds edf.ahead.
const mostAhead = math.MaxUint32 / 10

func newEDF(v view, weight func(int32) float64) *edf {
	return &edf{view: v, weight: weight, deadlines: newTournament(len(v.weights)), ahead: v.random.Uint32N(mostAhead)}
}

// weigh builds the schedule anew, as Envoy does for every change. So that proxies
// do not march in step it then is where so many picks would have brought it, a
// number that each has drawn when it started: hundreds of millions, so that after
// the least change of a weight it is anywhere in its round. It is no further from
// its start in what it owes to whom for that. (A real Envoy of one worker with a
// hundred endpoints, half of them at twice the weight of the others, whose weights
// are changed by some 3 % after every 82 picks: the lighter half gets 0.99 to 1.01
// of what its weights say, each endpoint within a pick of it.)
func (e *edf) weigh() {
	e.hosts, e.equal = e.hosts[:0], true
	for i, w := range e.weights {
		e.deadlines.set(i, math.Inf(1))
		if w > 0 {
			e.hosts = append(e.hosts, int32(i))
			e.equal = e.equal && w == e.weights[e.hosts[0]]
		}
	}
	if e.equal {
		return
	}
	e.skip(float64(e.ahead))
}

// skip starts where so many picks from nothing lead to, without making them one by
// one: all that are certain are counted, and the few that are left are made.
func (e *edf) skip(picks float64) {
	total := 0.0
	for _, h := range e.hosts {
		total += e.weight(h)
	}
	left := picks
	for i, h := range e.hosts {
		w := e.weight(h)
		certain := math.Floor(picks * w / total)
		if certain > 0 && certain/w >= picks/total {
			certain-- // whether it comes before the others is yet to be seen
		}
		left -= certain
		e.deadlines.place(int(h), (certain+1)/w, uint64(i))
	}
	e.order = uint64(len(e.hosts))
	for range int(left) {
		e.earliest()
	}
}

func (e *edf) set(host int32, now float64) {
	e.order++
	e.deadlines.place(int(host), now+1/e.weight(host), e.order)
}

// earliest picks one of the hosts, of which there is at least one.
func (e *edf) earliest() int32 {
	best, deadline := e.deadlines.first()
	e.set(int32(best), deadline)
	return int32(best)
}
