package observation

import (
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// Configured is what a pool's configuration says.
type Configured struct {
	Law   string
	Trust bool
	Apply bool
	// Targets are parallel to the snapshot's; what only the snapshot knows is empty.
	Targets []Target
}

// Document puts together what is known of a pool. The snapshot's pool is named.
func (w *Watch) Document(c Configured, s *tuner.Snapshot, learned scorer.Learned) Document {
	now := status.FromSnapshots("", []*tuner.Snapshot{s}).Pools[0]
	seconds, seen := w.seen()
	d := Document{
		Version: Version, Pool: now.Name, At: now.At, Seconds: seconds,
		Kind: s.Plan.Kind, Mode: now.Mode, Law: now.Law,
		LawConfigured: c.Law, Trust: c.Trust, Apply: c.Apply, Orders: now.Orders,
		Proxies: learned.Proxies, ByCounts: dispersion(learned.ByCounts), ByReports: dispersion(learned.ByReports),
		Targets: make([]Target, len(now.Targets)), Backends: make([]Backend, len(now.Backends)),
	}
	if d.Kind == "" {
		d.Kind = scorer.KindAuto
	}
	for i, t := range now.Targets {
		if i < len(c.Targets) {
			d.Targets[i] = c.Targets[i]
		}
		d.Targets[i].Name, d.Targets[i].Algorithm = t.Name, scorer.Algorithm(t.Algorithm)
	}
	capacities := make(map[string]scorer.LearnedBackend, len(learned.Backends))
	for _, b := range learned.Backends {
		capacities[b.Backend] = b
	}
	for i, b := range now.Backends {
		d.Backends[i] = backend(b, seen[b.Name], capacities)
	}
	return d
}

func dispersion(d scorer.Dispersion) Dispersion {
	return Dispersion{Ratio: status.Number(d.Ratio), Requests: d.Requests}
}

func backend(now status.Backend, seen watched, capacities map[string]scorer.LearnedBackend) Backend {
	none := status.Unknown()
	b := Backend{
		Name: now.Name, State: now.State, WeightNow: now.WeightNow, Applied: now.Applied,
		Configured: none, Capacity: none, Deviation: none,
		InFlight: status.Number(seen.inFlight.value()), RPS: status.Number(seen.completed.value()), EPS: status.Number(seen.failed.value()),
		LatencySeconds: status.Number(seen.latency.value()), Utilization: status.Number(seen.utilization.value()),
	}
	if c, ok := capacities[now.Name]; ok {
		b.Configured, b.Capacity, b.Deviation = status.Number(c.Configured), status.Number(c.Capacity), status.Number(c.Deviation)
		b.Reported, b.Doubted = c.Reported, c.Doubted
	}
	return b
}
