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
}

func newEDF(v view, weight func(int32) float64) *edf {
	return &edf{view: v, weight: weight, deadlines: newTournament(len(v.weights))}
}

// weigh builds the schedule anew, as Envoy does for every change, and makes a
// random number of picks so that proxies do not march in step.
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
	for _, h := range e.hosts {
		e.set(h, 0)
	}
	for range e.random.IntN(len(e.hosts)) {
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
