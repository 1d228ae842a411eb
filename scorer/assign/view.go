package assign

import (
	"math"
	"time"
)

// excessMemory is over how long it is averaged how much more load a backend has than
// its clients' number says. Less takes the noise of its reports for load, more is
// late for what a dear client costs.
const excessMemory = 20 * time.Second

// assumedClients is how many clients a backend is taken to have where nobody counts
// them. With more, load decides more and what was just assigned less.
const assumedClients = 50

// view is how busy backends are, as multiples of the pool's mean per capacity, with
// what has changed since they were measured:
//
//	busy_i = e_i + (n_i + m·a_i)/C_i / (Σn/ΣC)    e_i = mean of u_i/u − n_i/C_i / (Σn/ΣC)
//
// where n is in flight by the newest report, a what was assigned since then, m how
// often one assignment counts, C the configured capacity and u the utilization; with
// [ByScore], and where there is no utilization, the plan's score stands for u_i/u.
// What a backend's clients cost beyond their number changes slowly and is averaged;
// their number is exact and is not. (Utilization alone lags behind by the window it
// is taken over, the plan's score by its moving average.)
type view struct {
	// each is m.
	each float64
	// limit is the utilization of a full backend.
	limit float64
	// perClient is what one client on a capacity of 1 adds to busy, and
	// utilizationPerClient to utilization.
	perClient, utilizationPerClient float64
	// perWeight is what those that are open had by their reports, of those that have
	// reported it and per weight.
	perWeight float64
}

// look takes what a plan knows of the backends that are open.
func (v *view) look(hosts []*host, balance Balance) {
	var capacity, counted, weight, inFlight, pending, used, measured, open float64
	for _, h := range hosts {
		if !(h.weight > 0) {
			continue
		}
		open++
		capacity += h.capacity
		pending += v.each * h.pending
		if h.inFlight >= 0 {
			counted, weight, inFlight = counted+h.capacity, weight+h.weight, inFlight+h.inFlight
		}
		if h.utilization >= 0 {
			measured, used = measured+h.capacity, used+h.capacity*h.utilization
		}
	}
	v.perWeight = 0
	if counted > 0 {
		v.perWeight = inFlight / weight
		inFlight *= capacity / counted // those of which nothing is known are like the others
	} else {
		inFlight = assumedClients * open
	}
	// An empty pool fills up by its weights.
	v.perClient = capacity / max(inFlight, pending, open)
	mean := math.NaN()
	v.utilizationPerClient = 0
	if used > 0 {
		mean = used / measured
		v.utilizationPerClient = v.perClient * mean
	}
	for _, h := range hosts {
		multiple := h.utilization / mean
		if balance == ByScore || math.IsNaN(multiple) {
			multiple = h.score
		}
		h.learn(multiple - v.count(h))
	}
}

// count is a backend's clients as a multiple of the pool's.
func (v *view) count(h *host) float64 {
	if h.inFlight >= 0 {
		return h.inFlight * v.perClient / h.capacity
	}
	return 0
}

// busy is 1 for a fair share.
func (v *view) busy(h *host) float64 {
	excess := h.excess
	if math.IsNaN(excess) {
		excess = 1 - v.count(h) // nothing is known: like the others
	}
	return excess + v.count(h) + v.each*h.pending*v.perClient/h.capacity
}

// full is that the backend has no room for one more. What a client costs is known from
// the load that is there, so that a backend which has little is not taken for full
// before it says so itself.
func (v *view) full(h *host) bool {
	switch {
	case !(v.limit > 0) || !(h.utilization >= v.limit/2):
		return false
	default:
		return h.utilization+v.each*h.pending*v.utilizationPerClient/h.capacity >= v.limit
	}
}

// held is how many clients the backend has. One that nobody counts them of is taken to
// have its share: with none, it would take the keys of the others, until it is counted.
func (v *view) held(h *host) float64 {
	pending := v.each * h.pending
	if h.inFlight >= 0 {
		return h.inFlight + pending
	}
	return v.perWeight*h.weight + pending
}

// learn takes a new report's excess into the mean.
func (h *host) learn(excess float64) {
	if !h.reported.After(h.learned) || math.IsNaN(excess) {
		return
	}
	share := 1.0
	if !math.IsNaN(h.excess) && !h.learned.IsZero() {
		share = -math.Expm1(-h.reported.Sub(h.learned).Seconds() / excessMemory.Seconds())
	}
	if math.IsNaN(h.excess) {
		h.excess = 0
	}
	h.excess += share * (excess - h.excess)
	h.learned = h.reported
}
