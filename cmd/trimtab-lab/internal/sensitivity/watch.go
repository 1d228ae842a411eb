package sensitivity

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

// watch finds out which policies would ever have wanted something else than one
// that steers: all are told the same, and who has wanted the same at every step
// would have been told the same had it steered.
type watch struct {
	others []simulate.Policy

	mu        sync.Mutex
	different []bool // parallel to others, with any seed
}

// differs says whether an other has ever wanted something else.
func (w *watch) differs(other int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.different[other]
}

// over is the policy that steers, watched by the others.
func (w *watch) over(steers simulate.Policy) simulate.Policy {
	w.different = make([]bool, len(w.others))
	out := steers
	out.New = func(s simulate.Setup) (simulate.Controller, error) {
		first, err := steers.New(s)
		if err != nil {
			return nil, err
		}
		c := &watched{watch: w, first: first}
		for i := range w.others {
			other, err := w.others[i].New(s)
			if err != nil {
				return nil, err
			}
			c.same = append(c.same, follower{other, i})
		}
		return c, nil
	}
	return out
}

// watched is a controller among others that have wanted the same so far.
type watched struct {
	watch *watch
	first simulate.Controller
	same  []follower
}

type follower struct {
	simulate.Controller
	index int
}

// Start implements [simulate.Controller].
func (c *watched) Start() simulate.Steering {
	return c.compare(c.first.Start(), simulate.Controller.Start)
}

// Step implements [simulate.Controller].
func (c *watched) Step(now time.Duration, in []simulate.Sample) simulate.Steering {
	return c.compare(c.first.Step(now, in), func(other simulate.Controller) simulate.Steering { return other.Step(now, in) })
}

// compare leaves out who wants something else.
func (c *watched) compare(want simulate.Steering, of func(simulate.Controller) simulate.Steering) simulate.Steering {
	c.same = slices.DeleteFunc(c.same, func(f follower) bool {
		got := of(f.Controller)
		if slices.Equal(got.Weights, want.Weights) && slices.Equal(got.Shares, want.Shares) && slices.Equal(got.Pulses, want.Pulses) {
			return false
		}
		c.watch.mu.Lock()
		defer c.watch.mu.Unlock()
		c.watch.different[f.index] = true
		return true
	})
	return want
}

// ObserveProxy implements [simulate.ProxyObserver].
func (c *watched) ObserveProxy(now time.Duration, proxy int, in []simulate.Sample) {
	tell := func(to simulate.Controller) {
		if o, ok := to.(simulate.ProxyObserver); ok {
			o.ObserveProxy(now, proxy, in)
		}
	}
	tell(c.first)
	for _, f := range c.same {
		tell(f.Controller)
	}
}

// Err implements [simulate.Failer].
func (c *watched) Err() error {
	errs := []error{failed(c.first)}
	for _, f := range c.same {
		errs = append(errs, failed(f.Controller))
	}
	return errors.Join(errs...)
}

func failed(c simulate.Controller) error {
	if f, ok := c.(simulate.Failer); ok {
		return f.Err()
	}
	return nil
}
