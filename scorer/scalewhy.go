package scorer

import (
	"fmt"
	"slices"
)

// why puts the advice in words.
func (s *Scaler) why(a ScaleAdvice, n need) string {
	full := fmt.Sprintf("%.0f %% full", 100*a.Utilization)
	if a.Ahead > 1.01*a.Utilization {
		full += fmt.Sprintf(" and rising, %.0f %% in %s", 100*a.Ahead, s.config.Horizon)
	}
	target := fmt.Sprintf("target %.0f %%", 100*s.config.TargetUtilization)
	switch c := s.config; {
	case a.Wanted > a.Backends && n.count <= a.Backends && a.Wanted == c.Min:
		return fmt.Sprintf("%s, %s; %d is the configured minimum", full, target, c.Min)
	case n.count > a.Wanted && c.Max > 0 && a.Wanted == c.Max:
		return fmt.Sprintf("%s, %s: %d are needed; %d is the configured maximum", full, target, n.count, c.Max)
	case n.count > a.Wanted:
		return fmt.Sprintf("%s, %s: %d are needed, wanted when that has lasted %s", full, target, n.count, c.UpAfter)
	case n.count < a.Wanted && a.Wanted == c.Min:
		return fmt.Sprintf("%s, %s: %d would do; %d is the configured minimum", full, target, n.count, c.Min)
	case n.count < a.Wanted:
		return fmt.Sprintf("%s, %s: %d would do, wanted when that has lasted %s", full, target, n.count, c.DownAfter)
	case a.Wanted > a.Backends:
		return fmt.Sprintf("%s, %s: %d more", full, target, a.Wanted-a.Backends)
	case a.Spare != "":
		return fmt.Sprintf("%s, %s: %d can be spared, and %s empties cheapest", full, target, a.Backends-a.Wanted, a.Spare)
	default:
		return fmt.Sprintf("%s, %s", full, target)
	}
}

func whyUnknown(in []ScaleBackend) string {
	if len(in) == 0 {
		return "the pool has no backends"
	}
	if !slices.ContainsFunc(in, func(b ScaleBackend) bool { return b.InService }) {
		return "no backend is in service"
	}
	return "most backends report no utilization: nothing tells how full they are"
}

// advise is the plan's word on how many backends the pool wants; nil where nobody
// has asked.
func (p *Pool) advise(plan *Plan) *ScaleAdvice {
	if p.scaler == nil {
		return nil
	}
	in := make([]ScaleBackend, len(p.members))
	for i, m := range p.members {
		in[i] = ScaleBackend{
			Backend: m.Name, Capacity: p.strengthOf(m),
			Utilization: m.now.utilization, InFlight: m.now.inFlight, InService: m.serving,
		}
	}
	advice := p.scaler.Advise(plan.At, in)
	return &advice
}
