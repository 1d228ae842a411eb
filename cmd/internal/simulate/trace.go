package simulate

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// request is one line of a trace; times in seconds.
type request struct {
	at, work, wait float64
	proxy          int32 // of its pool's
	pool           int16
}

// Streams of random numbers, so that a change in how one is used leaves the
// others alone.
const (
	streamArrivals = iota + 1
	streamDemands
	streamProxies
	streamReports
	streamPicks // and one more for each proxy

	streamFaults    = 1 << 20
	streamProbes    = streamFaults + 1
	streamSheds     = streamFaults + 2
	streamSockets   = 1 << 32 // and one more for each client
	streamOfTraffic = 1 << 48 // times the number of the stream of requests
)

func stream(seed, of uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, of)) }

// newTrace draws a scenario's requests: the same for every law and algorithm.
func newTrace(s *Scenario, seed uint64) []request {
	var out []request
	all, pools := s.streams(), s.pools()
	for i := range all {
		to := &pools[all[i].Pool]
		out = append(out, all[i].draw(s, to, seed, uint64(i)*streamOfTraffic)...)
	}
	if len(all) > 1 {
		slices.SortStableFunc(out, func(a, b request) int { return cmp.Compare(a.at, b.at) })
	}
	return out
}

func (r *Requests) draw(s *Scenario, to *Pool, seed, of uint64) []request {
	arrivals, demands, proxies := stream(seed, of+streamArrivals), stream(seed, of+streamDemands), stream(seed, of+streamProxies)
	rateAt, perUnit := r.Rate, 1.0
	if rateAt == nil {
		rateAt, perUnit = r.Load, s.capacity(to)/r.Demand.Mean
	}
	length := Tick.Seconds()
	var out []request
	// The load is constant within a tick; what is left of an exponential
	// distance at its end is as long as a new one, in units of the mean.
	distance := arrivals.ExpFloat64()
	for tick := 0; ; tick++ {
		at := time.Duration(tick) * Tick
		if at >= s.Duration {
			return out
		}
		rate := max(rateAt(at), 0) * perUnit
		passed := 0.0
		for rate > 0 && passed+distance/rate < length {
			passed += distance / rate
			distance = arrivals.ExpFloat64()
			next := request{at: float64(tick)*length + passed, pool: int16(r.Pool)}
			next.work, next.wait = r.Demand.Draw(demands, at)
			if to.Proxies > 1 {
				next.proxy = proxies.Int32N(int32(to.Proxies))
			}
			out = append(out, next)
		}
		distance -= (length - passed) * rate
	}
}
