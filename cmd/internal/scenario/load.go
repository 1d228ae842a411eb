package scenario

import (
	"slices"
	"time"
)

// Nominal is the work that all listed backends can do in a second at the start,
// in seconds of demand: the sum of cores × speed, those that join later
// included, neighbours not taken off.
func (f File) Nominal() float64 {
	sum := 0.0
	for _, b := range f.Backends {
		sum += float64(max(b.Count, 1)) * b.Cores * b.Speed
	}
	return sum
}

// At is the profile at a time.
func (r Requests) At(t time.Duration) Point {
	next := slices.IndexFunc(r.Profile, func(p Point) bool { return p.At > t })
	switch {
	case len(r.Profile) == 0 || next == 0:
		return Point{At: t, Factor: 1, DemandFactor: 1}
	case next < 0:
		return r.Profile[len(r.Profile)-1]
	case !r.Ramp:
		return r.Profile[next-1]
	}
	a, b := r.Profile[next-1], r.Profile[next]
	part := float64(t-a.At) / float64(b.At-a.At)
	return Point{
		At:           t,
		Factor:       a.Factor + part*(b.Factor-a.Factor),
		DemandFactor: a.DemandFactor + part*(b.DemandFactor-a.DemandFactor),
	}
}

// PerSecond is the rate of requests at a profile factor of 1. nominal is
// [File.NominalOf] their pool.
func (r Requests) PerSecond(nominal float64) float64 {
	if r.Rate > 0 {
		return float64(r.Rate)
	}
	return r.Utilization * nominal / r.Demand.Mean().Seconds()
}

// perSecond is the rate of messages while all clients are connected, and their
// work in a second.
func (w WebSockets) perSecond() (messages, work float64) {
	add := func(clients int, m Message) {
		n := float64(clients) / m.Every.Seconds()
		messages += n
		work += n * m.Demand.Mean().Seconds()
	}
	usual := w.Clients
	if w.Dear != nil {
		usual -= w.Dear.Clients
		add(w.Dear.Clients, w.Dear.Message)
	}
	if w.Message != nil {
		add(usual, *w.Message)
	}
	return messages, work
}

// Load is the work that arrives in a second at that time, in seconds of demand.
// Clients of WebSockets count as connected once all have had time to.
func (f File) Load(t time.Duration) float64 {
	sum := 0.0
	for _, traffic := range f.Traffic {
		if w := traffic.WebSockets; w != nil && t >= w.ConnectOver {
			_, work := w.perSecond()
			sum += work
		}
		if r := traffic.Requests; r != nil {
			p := r.At(t)
			sum += r.PerSecond(f.NominalOf(r.Pool)) * r.Demand.Mean().Seconds() * p.Factor * p.DemandFactor
		}
	}
	return sum
}

// Expected is about how many requests and messages arrive from the start to the
// end.
func (f File) Expected() float64 {
	const step = time.Second
	sum := 0.0
	for _, traffic := range f.Traffic {
		if w := traffic.WebSockets; w != nil {
			messages, _ := w.perSecond()
			sum += messages * (f.End() - w.ConnectOver).Seconds()
		}
		if r := traffic.Requests; r != nil {
			rate := r.PerSecond(f.NominalOf(r.Pool))
			for t := time.Duration(0); t < f.End(); t += step {
				sum += rate * r.At(t).Factor * min(step, f.End()-t).Seconds()
			}
		}
	}
	return sum
}
