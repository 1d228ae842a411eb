package scorer

import "math"

// Learned is what a pool's law knows by now, for people and simulations.
type Learned struct {
	// Proxies is how many proxies report of the backend that most report of; 0 where
	// none has lately.
	Proxies int
	// ByCounts is the dispersion of completions around what is expected of what is
	// in flight, ByReports that around reported utilization.
	ByCounts, ByReports Dispersion
	// Backends are sorted by name, one for each of the pool.
	Backends []LearnedBackend
}

// LearnedBackend is what is known of one backend's capacity.
type LearnedBackend struct {
	Backend string
	// Configured is the configured capacity and Capacity the learned one, of which
	// only ratios mean anything; NaN where the law in use learns none.
	Configured, Capacity float64
	// Deviation is the standard deviation of the learned capacity's logarithm.
	Deviation float64
	// Reported is that the backend's own reports show it, Doubted that they
	// contradict its latency and do not count.
	Reported, Doubted bool
}

// Dispersion is how noisy completions are around what is expected of them: variance
// over mean, the larger the more requests differ.
type Dispersion struct {
	// Ratio is the variance over the mean.
	Ratio float64
	// Requests is about how many it is measured on; below some hundred it is mostly
	// what was taken for granted at first.
	Requests float64
}

// Learned returns what is known after the newest step.
func (p *Pool) Learned() Learned {
	out := Learned{
		ByCounts: p.capacity.latency.measured(), ByReports: p.capacity.reports.measured(),
		Backends: make([]LearnedBackend, len(p.members)),
	}
	learns := p.choice.law == p.capacity
	for i, m := range p.members {
		out.Proxies = max(out.Proxies, m.now.proxies)
		b := LearnedBackend{Backend: m.Name, Configured: m.Capacity, Capacity: math.NaN(), Deviation: math.NaN()}
		if s := p.capacity.state(m.Name); learns && s != nil {
			f, _ := s.published()
			b.Capacity, b.Deviation = m.Capacity*m.factor, math.Sqrt(f.v)
			if r := s.report; r != nil {
				b.Reported, b.Doubted = r.used, p.capacity.doubts(r)
			}
		}
		out.Backends[i] = b
	}
	return out
}

func (n *noise) measured() Dispersion {
	return Dispersion{Ratio: max(n.squares/n.work, n.constants.LeastDispersion), Requests: max(n.work-n.constants.FirstWork, 0)}
}
