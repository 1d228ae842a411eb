package simulate

import (
	"errors"
	"slices"
	"time"
)

// several are trimtabs that steer the same proxies, each by what it sees: the last
// one's weights stay, and all that any of them wants closed is closed.
type several []*poolController

// Start implements [Controller].
func (s several) Start() Steering {
	var out Steering
	for _, c := range s {
		out = c.Start()
	}
	return out
}

// ObserveProxy implements [ProxyObserver].
func (s several) ObserveProxy(now time.Duration, proxy int, in []Sample) {
	for _, c := range s {
		c.ObserveProxy(now, proxy, in)
	}
}

// Step implements [Controller].
func (s several) Step(now time.Duration, in []Sample) Steering {
	closed := make([]int, len(in))
	for i := range in {
		closed[i] = in[i].Closed
	}
	sheds := make([]int, len(in))
	var out Steering
	for k, c := range s {
		own := slices.Clone(in)
		for i := range own {
			own[i].Closed = min(c.steering.Sheds[i], closed[i])
			if k == len(s)-1 {
				own[i].Closed = closed[i]
			}
			closed[i] -= own[i].Closed
		}
		out = c.Step(now, own)
		for i, n := range out.Sheds {
			sheds[i] += n
		}
	}
	out.Sheds = sheds
	return out
}

// Err implements [Failer].
func (s several) Err() error {
	var errs []error
	for _, c := range s {
		errs = append(errs, c.Err())
	}
	return errors.Join(errs...)
}
