package realrun

import (
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/load"
)

// aftermath is how long after a backend went away its clients may still find out.
const aftermath = 2 * time.Second

// ended tells connections that backends broke off from those that trimtab closed.
// Where it closes none, whatever ended without its client is broken off.
func (e *entrant) ended(losses []load.Loss) (broken, shed int) {
	closes := e.closes(&e.opts.Scenario)
	for _, l := range losses {
		if closes && l.Backend >= 0 && !killed(&e.opts.Scenario, l) {
			shed++
		} else {
			broken++
		}
	}
	return broken, shed
}

// killed is that the backend was away then, or a little before.
func killed(s *simulate.Scenario, l load.Loss) bool {
	for t := l.At.Truncate(simulate.Tick) + simulate.Tick; t >= 0 && t > l.At-aftermath; t -= simulate.Tick {
		if s.Condition(l.Backend, t).Killed {
			return true
		}
	}
	return false
}
