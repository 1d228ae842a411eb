package config

import (
	"cmp"
	"maps"
	"math"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/source"
)

// Scorer is the pool's settings in the scorer's terms. Where the scorer takes 0
// for "default", a 0 that the file asks for becomes what has its effect.
func (p *Pool) Scorer() scorer.Config {
	l := p.Limits
	return scorer.Config{
		Name: p.Name, Kind: p.Kind, Law: p.Law, DryRun: !p.Apply, Trust: p.Trust, Scale: p.Scale.scorer(), Shed: p.Shed.scorer(),
		Limits: scorer.Limits{
			Floor: l.Floor, Ceiling: l.Ceiling, Step: l.Step, Deadband: cmp.Or(l.Deadband, math.SmallestNonzeroFloat64),
			StaleAfter: l.StaleAfter, SlowStart: cmp.Or(l.SlowStart, -1), MaxEjected: cmp.Or(l.MaxEjected, -1),
		},
		Score: scorer.ScoreConfig{
			Coefficients: maps.Clone(p.Score.Coefficients), Window: p.Score.Window,
		},
	}
}

// ScorerBackends is the configured backends; nil when they are discovered.
func (p *Pool) ScorerBackends() []scorer.Backend {
	var out []scorer.Backend
	for _, b := range p.Backends {
		out = append(out, scorer.Backend{Name: b.Name, Address: b.Address, Capacity: b.Capacity})
	}
	return out
}

// Source is how to poll, in the collectors' terms; whom is for the caller to
// add.
func (p Poll) Source() source.Options {
	return source.Options{URL: p.Template(), Period: p.Period, Timeout: p.Timeout}
}

// Metrics is what to look for on a metrics page.
func (l *PrometheusLoad) Metrics() source.Metrics {
	return source.Metrics{
		Utilization: l.Utilization, CPU: l.CPU, Memory: l.Memory, InFlight: l.InFlight,
		Requests: l.Requests, Errors: l.Errors, Latency: l.Latency, Named: maps.Clone(l.Named),
	}
}

// Forwarded are the ORCA metrics that Envoys are to pass on.
func (p Pool) Forwarded() []string {
	var out []string
	for _, l := range p.Load {
		if l.Proxy != nil {
			out = append(out, l.Proxy.ORCA...)
		}
	}
	return out
}
