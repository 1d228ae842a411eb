package simulate

import "time"

// Check returns an error that says what of a scenario cannot be.
func (s *Scenario) Check() error { return s.check() }

// Arrival is one request of a trace: when it comes, its work at speed 1, its wait,
// and the index of the pool and, among the pool's, of the proxy that it comes to.
type Arrival struct {
	At, Work, Wait time.Duration
	Pool, Proxy    int
}

// Arrivals returns the requests that every policy sees with that seed, in order
// of time, for whoever plays them elsewhere.
func Arrivals(s *Scenario, seed uint64) ([]Arrival, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	trace := newTrace(s, seed)
	out := make([]Arrival, len(trace))
	for i, r := range trace {
		out[i] = Arrival{At: seconds(r.at), Work: seconds(r.work), Wait: seconds(r.wait), Pool: int(r.pool), Proxy: int(r.proxy)}
	}
	return out, nil
}
