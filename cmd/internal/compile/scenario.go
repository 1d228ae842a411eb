package compile

import (
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

// Scenario returns the simulation of a file that [scenario.Parse] or
// [scenario.Draw] has returned. Its backends are those of the expanded file, in
// that order.
func Scenario(f scenario.File) simulate.Scenario {
	f = f.Expand()
	timelines := f.Timelines()
	s := simulate.Scenario{
		Name: f.Name, Proxies: f.Proxies,
		Warmup: f.Warmup, Duration: f.End(), Timeout: scenario.HangTimeout,
		Oracle: known(f, timelines), Pools: pools(f),
	}
	for i, b := range f.Backends {
		s.Backends = append(s.Backends, simulate.Backend{
			Name: b.Name, Cores: b.Cores, Speed: b.Speed,
			Weight: b.Weight, CapacityHint: b.CapacityHint,
			Condition: condition(b, timelines[i]),
		})
	}
	if r := f.Reports; r != nil {
		s.Reports = &simulate.Reports{Period: r.Period, Delay: r.Delay, Noise: r.Noise, Missing: r.Lost}
	}
	shed(f, &s)
	for _, t := range f.Traffic {
		pool := poolOf(f, t)
		switch {
		case t.Requests != nil:
			r := requests(*t.Requests, f.NominalOf(t.Pool()))
			r.Pool = pool
			s.Requests = append(s.Requests, r)
		case t.WebSockets != nil:
			w := sockets(*t.WebSockets)
			w.Pool = pool
			s.Sockets = append(s.Sockets, w)
		}
	}
	return s
}

// known is each backend's mean capacity while it works. How cold it is meanwhile
// does not count: that passes, and weights a little apart for its sake would be
// wrong all the rest of the time.
func known(f scenario.File, timelines []scenario.Timeline) []float64 {
	out := make([]float64, len(timelines))
	for i, timeline := range timelines {
		var work, worked float64
		for k, m := range timeline {
			until := f.End()
			if k+1 < len(timeline) {
				until = min(until, timeline[k+1].At)
			}
			m.Warmth = 1
			if c := m.Capacity(); c > 0 && until > m.At {
				work += c * (until - m.At).Seconds()
				worked += (until - m.At).Seconds()
			}
		}
		if worked > 0 {
			out[i] = work / worked
		}
	}
	return out
}

// ceil is the first tick that is not before t.
func ceil(t time.Duration) time.Duration {
	return (t + simulate.Tick - 1) / simulate.Tick * simulate.Tick
}
