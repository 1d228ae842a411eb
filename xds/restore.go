package xds

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/xds/discovery"
	"github.com/trimtab-lb/trimtab/xds/resource"
)

// Restore publishes the configured capacities as weights, as nothing else is known
// of the time before trimtab, and waits until the clients that are connected have
// taken them. It is called after the last Apply.
func (t *Target) Restore(ctx context.Context) error {
	t.mu.Lock()
	members := t.members
	t.mu.Unlock()
	if len(members) == 0 {
		return nil
	}
	plan := scorer.Plan{Pool: t.pool, Law: scorer.LawStatic, Kind: t.last.Kind, At: time.Now()}
	for _, e := range members {
		d := scorer.Decision{Backend: e.Backend, Weight: 1, State: scorer.StateReady, InFlight: math.NaN(), Utilization: math.NaN()}
		if e.Capacity > 0 {
			d.Weight = e.Capacity
		}
		// Who is out stays out: it would get work that it was taken out for.
		at := slices.IndexFunc(t.last.Decisions, func(last scorer.Decision) bool { return last.Backend == e.Backend })
		if at >= 0 {
			d.Drained = t.last.Decisions[at].Drained
			switch state := t.last.Decisions[at].State; state {
			case scorer.StateDraining, scorer.StateEjected, scorer.StateDown:
				d.State = state
			}
		}
		plan.Decisions = append(plan.Decisions, d)
	}
	slices.SortFunc(plan.Decisions, func(a, b scorer.Decision) int { return strings.Compare(a.Backend, b.Backend) })
	const look = 10 * time.Millisecond
	if _, err := t.publish(plan); err != nil {
		return err
	}
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for t.unanswered() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: wait for clients to take the configured weights: %w", t.Name(), ctx.Err())
		case <-ticker.C:
		}
	}
	return nil
}

// unanswered says whether a client that asks for the target's endpoints has yet to
// take them.
func (t *Target) unanswered() bool {
	list, _ := t.server.discovery.Lagging(t.view, resource.AssignmentType, t.name)
	return slices.ContainsFunc(list, func(w discovery.Watch) bool { return w.Due })
}
