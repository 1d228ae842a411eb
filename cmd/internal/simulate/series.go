package simulate

// Series is how a run went, a value for each second from its start on, the
// warm-up included.
type Series struct {
	// Backends are in the scenario's order; where it has pools, pool by pool in the
	// order of their members, named pool/backend.
	Backends []BackendSeries
	sums     []latencySum
}

// BackendSeries is one backend's.
type BackendSeries struct {
	Name string
	// InFlight is the mean over the second, of requests and connections, over
	// all proxies. Utilization is 1 when full, whoever it is that uses the backend.
	// Weight is what was in force at the end of the second, in the proxy's units.
	// Latency is the mean of what was answered in it, in seconds, NaN without any.
	InFlight, Utilization, Weight, Latency []float64
}

type latencySum struct {
	sum   float64
	count int
}

func newSeries(s *Scenario, pools []Pool) *Series {
	out := &Series{}
	for i := range pools {
		prefix := ""
		if s.Pools != nil {
			prefix = pools[i].Name + "/"
		}
		for _, m := range pools[i].Members {
			out.Backends = append(out.Backends, BackendSeries{Name: prefix + s.Backends[m.Backend].Name})
		}
	}
	out.sums = make([]latencySum, len(out.Backends))
	return out
}

func (s *Series) answered(backend int, latency float64) {
	s.sums[backend].sum += latency
	s.sums[backend].count++
}

// second does nothing on nil: a run that is not recorded.
func (s *Series) second(p *poolRun, samples []Sample, utilization []float64) {
	if s == nil {
		return
	}
	for i, backend := range p.members {
		b, l := &s.Backends[p.first+i], &s.sums[p.first+i]
		b.InFlight = append(b.InFlight, samples[i].InFlight)
		b.Utilization = append(b.Utilization, utilization[backend])
		b.Weight = append(b.Weight, float64(p.weights[i]))
		b.Latency = append(b.Latency, l.sum/float64(l.count)) // 0/0 is the NaN that is wanted
		*l = latencySum{}
	}
}
