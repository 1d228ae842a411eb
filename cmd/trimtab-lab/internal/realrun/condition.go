package realrun

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
)

// absent says whether a backend is not in the pool for its proxies.
func absent(c *simulate.Condition) bool { return c.Absent || c.Down }

// emulated is what a backend has to be like to be in that condition.
func emulated(s *simulate.Scenario, b *simulate.Backend, c *simulate.Condition) backend.Condition {
	out := backend.Condition{
		Cores: max(b.Cores*c.Cores-c.Taken, 0), Speed: b.Speed * c.Speed,
		Distance: b.Distance + c.Distance, WaitFactor: c.Wait,
		ErrorShare: c.Errors, Away: c.Killed,
	}
	if c.Hanging {
		out.Hang = s.Timeout
		if out.Hang == 0 {
			out.Hang = simulate.DefaultTimeout
		}
	}
	return out
}

// conditions puts backends into their conditions, each in order of time and none
// of them held up by another that takes a while to go away.
type conditions struct {
	scenario *simulate.Scenario
	now      []simulate.Condition
	to       []chan backend.Condition
	workers  sync.WaitGroup

	mu  sync.Mutex
	err error
}

// pending is how many changes of one backend may wait.
const pending = 64

func newConditions(ctx context.Context, s *simulate.Scenario, backends []*backend.Backend) (*conditions, error) {
	c := &conditions{scenario: s, now: make([]simulate.Condition, len(backends))}
	for i, b := range backends {
		c.now[i] = s.Condition(i, 0)
		if err := b.SetCondition(ctx, emulated(s, &s.Backends[i], &c.now[i])); err != nil {
			c.close()
			return nil, err
		}
		changes := make(chan backend.Condition, pending)
		c.to = append(c.to, changes)
		c.workers.Go(func() {
			for change := range changes {
				if err := b.SetCondition(ctx, change); err != nil {
					c.fail(err)
				}
			}
		})
	}
	return c, nil
}

func (c *conditions) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = errors.Join(c.err, err)
}

// at brings all backends to a time and says whether who is in the pool or gets new
// work, or what trimtab is configured with, has changed.
func (c *conditions) at(t time.Duration) (members bool) {
	for i := range c.now {
		b, before, now := &c.scenario.Backends[i], c.now[i], c.scenario.Condition(i, t)
		c.now[i] = now
		if to := emulated(c.scenario, b, &now); to != emulated(c.scenario, b, &before) {
			c.to[i] <- to
		}
		members = members || absent(&now) != absent(&before) || capacity(b, &now) != capacity(b, &before) ||
			now.Out() != before.Out() || now.DrainedFrom != before.DrainedFrom
	}
	return members
}

// capacity is what trimtab is configured with.
func capacity(b *simulate.Backend, c *simulate.Condition) float64 {
	weight := b.Weight
	if weight == 0 {
		weight = 1
	}
	switch {
	case c.CapacityHint > 0:
		return c.CapacityHint
	case b.CapacityHint > 0:
		return b.CapacityHint
	default:
		return weight * c.Weight
	}
}

// close waits for the changes under way and returns what went wrong.
func (c *conditions) close() error {
	for _, to := range c.to {
		close(to)
	}
	c.workers.Wait()
	c.to = nil
	return c.err
}
