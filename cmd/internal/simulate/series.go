package simulate

// Series is how a run went, a value for each second from its start on, the
// warm-up included.
type Series struct {
	// Backends are in the scenario's order.
	Backends []BackendSeries
	sums     []latencySum
}

// BackendSeries is one backend's.
type BackendSeries struct {
	Name string
	// InFlight is the mean over the second, of requests and connections, over
	// all proxies. Utilization is 1 when full. Weight is what was in force at the
	// end of the second, in the proxy's units. Latency is the mean of what was
	// answered in it, in seconds, NaN without any.
	InFlight, Utilization, Weight, Latency []float64
}

type latencySum struct {
	sum   float64
	count int
}

func newSeries(s *Scenario) *Series {
	out := &Series{Backends: make([]BackendSeries, len(s.Backends)), sums: make([]latencySum, len(s.Backends))}
	for i := range out.Backends {
		out.Backends[i].Name = s.Backends[i].Name
	}
	return out
}

// answered and second do nothing on nil: a run that is not recorded.
func (s *Series) answered(backend int, latency float64) {
	if s != nil {
		s.sums[backend].sum += latency
		s.sums[backend].count++
	}
}

func (s *Series) second(samples []Sample, utilization []float64, weights []int32) {
	if s == nil {
		return
	}
	for i := range s.Backends {
		b, l := &s.Backends[i], &s.sums[i]
		b.InFlight = append(b.InFlight, samples[i].InFlight)
		b.Utilization = append(b.Utilization, utilization[i])
		b.Weight = append(b.Weight, float64(weights[i]))
		b.Latency = append(b.Latency, l.sum/float64(l.count)) // 0/0 is the NaN that is wanted
		*l = latencySum{}
	}
}
