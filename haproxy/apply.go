package haproxy

import (
	"context"
	"errors"
	"fmt"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Apply implements tuner.Target. Only weights that differ are sent, all of them
// in one exchange; pulses come after them and are timed here. Servers whose
// weight someone else has set are left alone or set again as configured, those
// in maintenance are left alone until they are back.
//
// The plan stands until the next one: while [Proxy.Run] runs, a process that
// takes HAProxy's place is given its weights as soon as it is noticed.
//
// Its errors say what to do; the same reason is found again without asking
// HAProxy each time.
func (b *Backend) Apply(ctx context.Context, p scorer.Plan) (scorer.InForce, error) {
	b.watchers.Add(1)
	defer b.watchers.Add(-1)
	var inForce scorer.InForce
	err := b.again(ctx, func() (err error) {
		inForce, err = b.applyOnce(ctx, p)
		return err
	})
	return inForce, err
}

// again sets weights, and once more where a reload came between the last poll and
// them.
func (b *Backend) again(ctx context.Context, set func() error) error {
	err := set()
	if errors.Is(err, errReplaced) {
		if err = b.proxy.succeeded(ctx); err == nil {
			err = set()
		}
	}
	return err
}

func (b *Backend) applyOnce(ctx context.Context, p scorer.Plan) (scorer.InForce, error) {
	v, err := b.acquire(ctx)
	if err != nil {
		return scorer.InForce{}, err
	}
	defer b.applying.Unlock()
	b.standing = scorer.Plan{}
	if p.Mode == scorer.DryRun || len(p.Decisions) == 0 {
		out := b.inForce(v)
		if err := b.tunable(v); err != nil {
			out.Warnings = append(out.Warnings, err.Error())
		}
		return out, nil
	}
	b.standing = p
	pulses, err := b.carryOut(ctx, p, v)
	if err == nil {
		err = b.pulse(ctx, pulses)
	}
	return b.inForce(v), err
}

// acquire waits for a view that is fresh, for whoever sets weights next, and
// takes in what it shows. Without an error, applying is held.
func (b *Backend) acquire(ctx context.Context) (*view, error) {
	for {
		if _, err := b.proxy.fresh(ctx, b); err != nil {
			return nil, err
		}
		b.applying.Lock()
		// Whoever set weights meanwhile may have seen more.
		if v := b.view.Load(); v != nil {
			b.following.meet(v)
			b.noteForeign(v)
			return v, nil
		}
		b.applying.Unlock()
	}
}

// carryOut sets the weights of a plan and returns its pulses, which are still to
// come: their servers have 0 until then.
func (b *Backend) carryOut(ctx context.Context, p scorer.Plan, v *view) (pulses []change, err error) {
	if err := b.tunable(v); err != nil {
		return nil, err
	}
	err = b.handleAgents(ctx, v)
	changes, pulses := b.following.changes(p, v, b.proxy.config.ExternalChanges == Override)
	return pulses, errors.Join(err, b.set(ctx, changes))
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
		if !ok || s.maintained() {
			continue
		}
		// What HAProxy drains by itself need not be told, and keeps its weight for
		// when that is over.
		if s.condition() == scorer.Draining && rounded.Weights[i] == 0 {
			continue
		}
		if d.Pinned || d.Drained {
			// An order counts more than a hand.
			delete(f.closed, d.Backend)
			delete(f.foreign, d.Backend)
		}
		if f.closed[d.Backend] && (d.State == scorer.StateEjected || d.State == scorer.StateDraining) {
			delete(f.closed, d.Backend)
			delete(f.foreign, d.Backend)
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
		Origin: b.Origin(), Algorithm: v.algorithm, Pulses: true, Process: v.generation,
		Reloading: b.proxy.old.replacing(),
		Shares:    make([]scorer.Share, len(v.servers)),
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
		if b.following.closed[s.name] {
			return "had weight 0 when it was found, and is left alone until someone gives it another (external_changes: respect)"
		}
		return fmt.Sprintf("set to %d by someone else and left alone (external_changes: respect); weight %d hands it back",
			weight, b.following.sent[s.name].weight)
	}
	if s.agent && !b.following.agents[s.name] {
		return "its agent-check sets weights, too"
	}
	return ""
}
