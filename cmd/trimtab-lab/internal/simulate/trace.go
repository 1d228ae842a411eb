package simulate

import (
	"math/rand/v2"
	"time"
)

// request is one line of a trace; times in seconds.
type request struct {
	at, work, wait float64
	proxy          int32
}

// Streams of random numbers, so that a change in how one is used leaves the
// others alone.
const (
	streamArrivals = iota + 1
	streamDemands
	streamProxies
	streamReports
	streamPicks // and one more for each proxy
)

func stream(seed, of uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, of)) }

// newTrace draws a scenario's requests: the same for every law and algorithm.
func newTrace(s *Scenario, seed uint64) []request {
	arrivals, demands, proxies := stream(seed, streamArrivals), stream(seed, streamDemands), stream(seed, streamProxies)
	perLoad := s.capacity() / s.Demand.Mean
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
		rate := max(s.Load(at), 0) * perLoad
		passed := 0.0
		for rate > 0 && passed+distance/rate < length {
			passed += distance / rate
			distance = arrivals.ExpFloat64()
			r := request{at: float64(tick)*length + passed}
			r.work, r.wait = s.Demand.Draw(demands, at)
			if s.Proxies > 1 {
				r.proxy = proxies.Int32N(int32(s.Proxies))
			}
			out = append(out, r)
		}
		distance -= (length - passed) * rate
	}
}
