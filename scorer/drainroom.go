package scorer

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// What speaks against a drain.
var (
	// ErrUnknownBackend is one that the pool has not.
	ErrUnknownBackend = errors.New("no such backend")
	// ErrLastBackend is that nobody would be left to take work.
	ErrLastBackend = errors.New("no other backend takes work")
	// ErrNoRoom is that the others cannot hold what these do.
	ErrNoRoom = errors.New("the others have no room for it")
)

// CanDrain says whether the others can do without these backends, and without those
// that are drained already. It errs with [ErrUnknownBackend], [ErrLastBackend] or
// [ErrNoRoom]. Room is told of where most report their utilization, and where proxies
// limit what each has.
func (p *Pool) CanDrain(backends ...string) error {
	for _, name := range backends {
		if p.byName[name] == nil {
			return fmt.Errorf("drain %s: %w", name, ErrUnknownBackend)
		}
	}
	if err := p.canHold(backends); err != nil {
		return fmt.Errorf("drain %v: %w", backends, err)
	}
	return nil
}

// canHold says whether those in service can hold all that there is without these.
func (p *Pool) canHold(without []string) error {
	var load, told, silent, capacity, held, limit float64
	staying := 0
	for _, m := range p.members {
		u := m.now.utilization
		switch {
		case !math.IsNaN(u):
			load += p.strengthOf(m) * u
			told += p.strengthOf(m)
		case m.serving:
			silent += p.strengthOf(m)
		}
		held = plus(m.now.held, held)
		if m.serving && !m.drained && !slices.Contains(without, m.Name) {
			staying++
			capacity += p.strengthOf(m)
			limit += m.now.limit // NaN where one has none
		}
	}
	// Who is silent is taken for as full as the others, if those are most of them.
	known := told > silent
	if known {
		load *= (told + silent) / told
	}
	switch {
	case staying == 0:
		return ErrLastBackend
	case known && load > mostReceiving*capacity:
		return fmt.Errorf("%w: they would be at %.0f %% of what they can, above %.0f %%", ErrNoRoom, 100*load/capacity, 100*mostReceiving)
	case p.holdsConnections() && held > limit:
		return fmt.Errorf("%w: they may have %.0f connections, and there are %.0f", ErrNoRoom, limit, held)
	default:
		return nil
	}
}
