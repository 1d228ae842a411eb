package recording

import (
	"slices"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Plan is what a pool decided at one step, without what people see beside it.
type Plan struct {
	Mode   string `json:"mode"`
	Kind   string `json:"kind"`
	Law    string `json:"law"`
	LawWhy string `json:"law_why"`
	Advice string `json:"advice,omitempty"`
	// Decisions are sorted by backend.
	Decisions []Decision `json:"decisions"`
}

// Decision is a plan's word on one backend.
type Decision struct {
	Backend string   `json:"backend"`
	Weight  number   `json:"weight"`
	State   string   `json:"state"`
	Pinned  bool     `json:"pinned,omitempty"`
	Drained bool     `json:"drained,omitempty"`
	Probe   bool     `json:"probe,omitempty"`
	Pulse   duration `json:"pulse,omitzero"`
	Score   number   `json:"score,omitzero"`
	Why     string   `json:"why"`
}

func newPlan(p *scorer.Plan) *Plan {
	out := &Plan{
		Mode: p.Mode.String(), Kind: string(p.Kind), Law: p.Law, LawWhy: p.LawWhy, Advice: p.Advice,
		Decisions: make([]Decision, len(p.Decisions)),
	}
	for i := range p.Decisions {
		d := &p.Decisions[i]
		out.Decisions[i] = Decision{
			Backend: d.Backend, Weight: number(d.Weight), State: d.State.String(),
			Pinned: d.Pinned, Drained: d.Drained, Probe: d.Probe, Pulse: duration(d.Pulse),
			Score: number(d.Score), Why: d.Why,
		}
	}
	return out
}

// same says whether two plans ask for the same, for the same reasons.
func (p *Plan) same(other *Plan) bool {
	if p.Mode != other.Mode || p.Law != other.Law || len(p.Decisions) != len(other.Decisions) {
		return false
	}
	for i := range p.Decisions {
		a, b := p.Decisions[i], other.Decisions[i]
		// Scores are only shown, and one that is not known equals nothing.
		a.Score, b.Score = 0, 0
		if a != b {
			return false
		}
	}
	return true
}

// alike says whether two plans do the same to traffic, as far as it matters.
func (p *Plan) alike(other *Plan) bool {
	return slices.EqualFunc(p.Decisions, other.Decisions, func(a, b Decision) bool {
		return a.Backend == b.Backend && !news(&b, &a, moved)
	})
}
