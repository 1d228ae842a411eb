package haproxy

import (
	"context"
	"errors"
	"fmt"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Apply implements tuner.Target. Only weights that differ are sent, all of them
// in one exchange; pulses come after them and are timed here. Servers whose
// weight someone else has set are left alone or set again as configured.
//
// Its errors say what to do; the same reason is found again without asking
// HAProxy each time.
func (b *Backend) Apply(ctx context.Context, p scorer.Plan) (scorer.InForce, error) {
	b.watchers.Add(1)
	defer b.watchers.Add(-1)
	v, err := b.proxy.fresh(ctx, b)
	if err != nil {
		return scorer.InForce{}, err
	}
	f := &b.following
	f.meet(v)
	b.noteForeign(v)
	if p.Mode == scorer.DryRun || len(p.Decisions) == 0 {
		out := b.inForce(v)
		if err := b.tunable(v); err != nil {
			out.Warnings = append(out.Warnings, err.Error())
		}
		return out, nil
	}
	if err := b.tunable(v); err != nil {
		return b.inForce(v), err
	}
	err = b.handleAgents(ctx, v)
	changes, pulses := f.changes(p, v, b.proxy.config.ExternalChanges == Override)
	err = errors.Join(err, b.set(ctx, changes))
	if err == nil {
		err = b.pulse(ctx, pulses)
	}
	return b.inForce(v), err
}

// tunable is why HAProxy would refuse every weight, nil when it would not.
func (b *Backend) tunable(v *view) error {
	kind := error(nil)
	if b.following.fixed || v.algorithm == scorer.FixedWeights {
		kind = ErrStaticAlgorithm
	}
	if level := b.proxy.session.Level(); level != "" && level != levelAdmin {
		kind = fmt.Errorf("level %s: %w", level, ErrPermission)
	}
	if kind == nil {
		return nil
	}
	return fmt.Errorf("%s: set weights of backend %s: %w", b.proxy.session.name, b.name, kind)
}

// changes compares a plan with what is there.
func (f *follower) changes(p scorer.Plan, v *view, override bool) (changes, pulses []change) {
	rounded := f.rounder.Round(p, v.algorithm)
	for i, d := range p.Decisions {
		s, ok := v.server(d.Backend)
		if !ok {
			continue
		}
		if _, foreign := f.foreign[d.Backend]; foreign && !override {
			continue
		}
		want := rounded.Weights[i]
		if d.Pulse > 0 {
			pulses = append(pulses, change{d.Backend, want, min(d.Pulse, maxPulse)})
			want = 0
		}
		if want != f.weight(&s, v) {
			changes = append(changes, change{server: d.Backend, weight: want})
		}
	}
	return changes, pulses
}

// inForce is what the servers have now.
func (b *Backend) inForce(v *view) scorer.InForce {
	f := &b.following
	out := scorer.InForce{
		Origin: b.proxy.Name(), Algorithm: v.algorithm, Pulses: true, Process: v.generation,
		Shares: make([]scorer.Share, len(v.servers)),
	}
	for i := range v.servers {
		s := &v.servers[i]
		weight := f.weight(s, v)
		out.Shares[i] = scorer.Share{Backend: s.name, Weight: float64(weight), Applied: weight, Note: b.note(s)}
	}
	out.Warnings = b.warnings(v)
	return out
}

func (b *Backend) note(s *server) string {
	if weight, ok := b.following.foreign[s.name]; ok {
		if b.proxy.config.ExternalChanges == Override {
			return fmt.Sprintf("was set to %d by someone else, and set again", weight)
		}
		return fmt.Sprintf("set to %d by someone else and left alone (external_changes: respect)", weight)
	}
	if s.agent && !b.following.agents[s.name] {
		return "its agent-check sets weights, too"
	}
	return ""
}
