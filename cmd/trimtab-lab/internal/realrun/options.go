package realrun

import (
	"errors"
	"fmt"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

// Options say what is run, and with which programs.
type Options struct {
	Scenario simulate.Scenario
	// Proxy is the scenario's, of a kind that exists.
	Proxy simulate.Proxy
	// Policies are judged in groups, side by side within each; Seeds one after
	// another.
	Policies []simulate.Policy
	Seeds    []uint64
	// AtOnce is how many policies run side by side, 0 for as many as this machine
	// is likely to carry: at most 4, maxRate requests per second together, and as
	// many connections as this process may have open files for.
	AtOnce int
	// Trimtab is the program's path, needed for its policies only. HAProxy and
	// Envoy are paths, "" for those that are found.
	Trimtab, HAProxy, Envoy string
	// Note, if not nil, is told what is going on.
	Note func(string)
}

// ErrPools is that a scenario has pools of its own.
var ErrPools = errors.New("several pools are not runnable on real proxies yet, only in simulation")

func (o *Options) check() error {
	switch {
	case o.Scenario.Pools != nil:
		return fmt.Errorf("scenario %s: %w", o.Scenario.Name, ErrPools)
	case o.Proxy.Kind != simulate.KindHAProxy && o.Proxy.Kind != simulate.KindEnvoy:
		return fmt.Errorf("scenario %s: there is no real proxy %q", o.Scenario.Name, o.Proxy)
	case len(o.Seeds) == 0 || len(o.Policies) == 0:
		return fmt.Errorf("scenario %s: no seeds or no policies", o.Scenario.Name)
	case o.AtOnce < 0:
		return fmt.Errorf("scenario %s: %d policies at once", o.Scenario.Name, o.AtOnce)
	default:
		return o.Scenario.Check()
	}
}

func (o *Options) note(format string, args ...any) {
	if o.Note != nil {
		o.Note(fmt.Sprintf(format, args...))
	}
}

// restarts tells whether a backend is ever away, so that proxies have to find out.
func restarts(s *simulate.Scenario) bool {
	return ever(s, func(c *simulate.Condition) bool { return c.Killed })
}

// ever tells whether something is ever so of a backend.
func ever(s *simulate.Scenario, so func(*simulate.Condition) bool) bool {
	for t := time.Duration(0); t < s.Duration; t += simulate.Tick {
		for i := range s.Backends {
			if c := s.Condition(i, t); so(&c) {
				return true
			}
		}
	}
	return false
}
