package recording

import (
	"encoding/json"
	"math"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// line is any but the first. Exactly one field beside At is set.
type line struct {
	At       time.Time      `json:"at"`
	Report   *report        `json:"report,omitempty"`
	Backends *[]backend     `json:"backends,omitempty"`
	Applied  *applied       `json:"applied,omitempty"`
	Probed   *probed        `json:"probed,omitempty"`
	Closed   *closed        `json:"closed,omitempty"`
	Orders   *scorer.Orders `json:"orders,omitempty"`
	Plan     *Plan          `json:"plan,omitempty"`
	Lost     uint64         `json:"lost,omitempty"`
	End      *End           `json:"end,omitempty"`
}

// report is a [scorer.Report].
type report struct {
	Backend     string            `json:"backend"`
	At          time.Time         `json:"at"`
	Interval    duration          `json:"interval"`
	Origin      string            `json:"origin"`
	ByProxy     bool              `json:"by_proxy,omitempty"`
	Utilization number            `json:"utilization,omitzero"`
	CPU         number            `json:"cpu,omitzero"`
	Memory      number            `json:"memory,omitzero"`
	RPS         number            `json:"rps,omitzero"`
	EPS         number            `json:"eps,omitzero"`
	Upgrades    number            `json:"upgrades,omitzero"`
	InFlight    number            `json:"in_flight,omitzero"`
	Limit       number            `json:"limit,omitzero"`
	Latency     number            `json:"latency,omitzero"`
	Named       map[string]number `json:"named,omitempty"`
}

// backend is a [scorer.Backend].
type backend struct {
	Name      string    `json:"name"`
	Address   string    `json:"address,omitempty"`
	Capacity  number    `json:"capacity"`
	Condition condition `json:"condition"`
}

// applied is a target and its [scorer.InForce].
type applied struct {
	Target    string           `json:"target"`
	Origin    string           `json:"origin,omitempty"`
	Algorithm scorer.Algorithm `json:"algorithm,omitempty"`
	Pulses    bool             `json:"pulses,omitempty"`
	Process   int              `json:"process,omitempty"`
	Reloading bool             `json:"reloading,omitempty"`
	Shares    []share          `json:"shares,omitempty"`
	Warnings  []string         `json:"warnings,omitempty"`
}

// share is a [scorer.Share].
type share struct {
	Backend string `json:"backend"`
	Weight  number `json:"weight,omitzero"`
	Applied int    `json:"applied"`
	Note    string `json:"note,omitempty"`
}

type probed struct {
	Backend string `json:"backend"`
	OK      bool   `json:"ok"`
}

// closed is a [tuner.Closed].
type closed struct {
	Backend string    `json:"backend"`
	Behind  uint64    `json:"behind"`
	At      time.Time `json:"at"`
	Count   int       `json:"count"`
}

// Counts are how much a recording holds.
type Counts struct {
	Reports uint64 `json:"reports"`
	Plans   uint64 `json:"plans"`
	// Lost is how many lines of any kind are missing.
	Lost uint64 `json:"lost"`
}

// add counts a line.
func (c *Counts) add(l *line) {
	switch {
	case l.Report != nil:
		c.Reports++
	case l.Plan != nil:
		c.Plans++
	}
	c.Lost += l.Lost
}

// End is the last line.
type End struct {
	Why string `json:"why"`
	Counts
}

func newReport(r *scorer.Report, began time.Time) *report {
	out := &report{
		Backend: r.Backend, At: rebase(began, r.At), Interval: duration(r.Interval), Origin: r.Origin, ByProxy: r.ByProxy,
		Utilization: number(r.Utilization), CPU: number(r.CPU), Memory: number(r.Memory),
		RPS: number(r.RPS), EPS: number(r.EPS), Upgrades: number(r.Upgrades),
		InFlight: number(r.InFlight), Limit: number(r.Limit), Latency: number(r.Latency),
	}
	if r.Named != nil {
		out.Named = make(map[string]number, len(r.Named))
	}
	for name, value := range r.Named {
		out.Named[name] = number(value)
	}
	return out
}

// UnmarshalJSON implements [json.Unmarshaler]: what is left out is not known.
func (r *report) UnmarshalJSON(data []byte) error {
	type plain report
	nan := number(math.NaN())
	p := plain{Utilization: nan, CPU: nan, Memory: nan, RPS: nan, EPS: nan, Upgrades: nan, InFlight: nan, Limit: nan, Latency: nan}
	if err := json.Unmarshal(data, &p); err != nil {
		return err
	}
	*r = report(p)
	return nil
}

func (r *report) scorer() scorer.Report {
	out := scorer.Report{
		Backend: r.Backend, At: r.At, Interval: time.Duration(r.Interval), Origin: r.Origin, ByProxy: r.ByProxy,
		Utilization: float64(r.Utilization), CPU: float64(r.CPU), Memory: float64(r.Memory),
		RPS: float64(r.RPS), EPS: float64(r.EPS), Upgrades: float64(r.Upgrades),
		InFlight: float64(r.InFlight), Limit: float64(r.Limit), Latency: float64(r.Latency),
	}
	if r.Named != nil {
		out.Named = make(map[string]float64, len(r.Named))
	}
	for name, value := range r.Named {
		out.Named[name] = float64(value)
	}
	return out
}

func newBackends(in []scorer.Backend) *[]backend {
	out := make([]backend, len(in))
	for i, b := range in {
		out[i] = backend{b.Name, b.Address, number(b.Capacity), condition(b.Condition)}
	}
	return &out
}

func scorerBackends(in []backend) []scorer.Backend {
	out := make([]scorer.Backend, len(in))
	for i, b := range in {
		out[i] = scorer.Backend{Name: b.Name, Address: b.Address, Capacity: float64(b.Capacity), Condition: scorer.Condition(b.Condition)}
	}
	return out
}

func newApplied(a *tuner.Applied) *applied {
	f := &a.InForce
	out := &applied{
		Target: a.Target, Origin: f.Origin, Algorithm: f.Algorithm, Pulses: f.Pulses, Process: f.Process, Reloading: f.Reloading, Warnings: f.Warnings,
	}
	for _, s := range f.Shares {
		out.Shares = append(out.Shares, share{s.Backend, number(s.Weight), s.Applied, s.Note})
	}
	return out
}

func (a *applied) scorer() scorer.InForce {
	out := scorer.InForce{
		Origin: a.Origin, Algorithm: a.Algorithm, Pulses: a.Pulses, Process: a.Process, Reloading: a.Reloading, Warnings: a.Warnings,
	}
	for _, s := range a.Shares {
		out.Shares = append(out.Shares, scorer.Share{Backend: s.Backend, Weight: float64(s.Weight), Applied: s.Applied, Note: s.Note})
	}
	return out
}

// UnmarshalJSON implements [json.Unmarshaler]: what is left out is not known.
func (s *share) UnmarshalJSON(data []byte) error {
	type plain share
	p := plain{Weight: number(math.NaN())}
	if err := json.Unmarshal(data, &p); err != nil {
		return err
	}
	*s = share(p)
	return nil
}
