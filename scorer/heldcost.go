package scorer

import "math"

// heldCost finds out what a connection that is held costs, where requests share a
// pool with them: completions alone would make a backend that holds many and is
// given few requests look weak, and it would be given fewer still.
//
//	load_i = e^y_i·C_i·u_i ≈ k·q_i + m·h_i      least squares over backends and a minute
//	h_i    = in flight − q_i·W_i                W the response time, by Little's law
//	cost   = max(0, m − σ(m)) / k               completions a second
//
// The learning from reports then counts q + cost·h as work done. One standard
// deviation is taken off as requests that wait in a queue pass for held
// connections for a while, and would make an overloaded backend look strong.
//
// Simulated, 2,000 sockets of five minutes and requests of 20 ms, two proxies, of
// which nothing was known when the sockets came within 20 s; p99 over that of the
// known capacities, medians of four seeds that played no part in any choice (worst
// seed). 8, 8, 4, 4 and 2 cores; four of 5 and one of 4; five of 5:
//
//	               unequal: configured, without cost, now    nearly equal  equal
//	random(2)      39               27            1.5 (3.1)  1.14 (1.43)   1.00 (1.00)
//	leastconn      38               28            4.4 (18)   1.09 (1.55)   1.00 (1.12)
//
// Envoy does not tell its connections from its requests, and nothing is starved for
// what it holds under round robin: without cost, 0.28 under Envoy's least request
// (which is far from right there with fixed weights) and 1.00 under round robin.
//
// Leastconn counts connections: with 600 held for 12 requests in flight, a weight
// that is off by 2 % sends all requests or none to a backend until connections have
// left, so that what was misplaced in the first seconds lasts for minutes.
type heldCost struct {
	qq, qh, hh, lq, lh, ll average
}

// mostHeldCost bounds its result.
const mostHeldCost = 100

func newHeldCost(k *Constants) heldCost {
	a := newAverage(k.HeldMemory)
	return heldCost{a, a, a, a, a, a}
}

// heldCost is what a held connection costs, as completions a second.
func (c *capacity) heldCost(in []Observation, seconds float64) float64 {
	if !c.holds {
		return 0
	}
	var qq, qh, hh, lq, lh, ll, count float64
	for i := range in {
		if !c.reportUsable(&in[i]) {
			continue
		}
		q, h := in[i].Completed, c.heldBy(&in[i])
		l := math.Exp(c.states[i].reported(c.constants).x) * in[i].Capacity * in[i].Utilization
		qq += q * q
		qh += q * h
		hh += h * h
		lq += l * q
		lh += l * h
		ll += l * l
		count++
	}
	if count == 0 || seconds == 0 {
		return 0
	}
	held := &c.held
	held.qq.add(qq, seconds)
	held.qh.add(qh, seconds)
	held.hh.add(hh, seconds)
	held.lq.add(lq, seconds)
	held.lh.add(lh, seconds)
	held.ll.add(ll, seconds)
	return held.ratio(count * held.qq.age)
}

// ratio solves the normal equations, for so many samples.
func (h *heldCost) ratio(samples float64) float64 {
	qq, qh, hh := h.qq.value, h.qh.value, h.hh.value
	lq, lh, ll := h.lq.value, h.lh.value, h.ll.value
	determinant := qq*hh - qh*qh
	if !(determinant > 1e-6*qq*hh) {
		return 0
	}
	perRequest := (lq*hh - lh*qh) / determinant
	perHeld := (lh*qq - lq*qh) / determinant
	left := max(ll-perRequest*lq-perHeld*lh, 0)
	perHeld -= math.Sqrt(left * qq / determinant / max(samples-2, 1))
	if perHeld <= 0 {
		return 0
	}
	perRequest = (lq - perHeld*qh) / qq
	if perRequest*mostHeldCost <= perHeld {
		return mostHeldCost
	}
	return perHeld / perRequest
}

// requestsIn is how many requests a backend has in flight: where connections are
// held beside them, by Little's law from the response times that the proxy counts.
func (c *capacity) requestsIn(o *Observation) float64 {
	switch {
	case !c.holds:
		return o.InFlight
	case !isNumber(o.Latency):
		return 0
	default:
		return min((o.Completed+o.Failed)*o.Latency, o.InFlight)
	}
}

// heldBy is how many connections a backend holds.
func (c *capacity) heldBy(o *Observation) float64 { return o.InFlight - c.requestsIn(o) }
