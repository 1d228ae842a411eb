package compile

import (
	"cmp"
	"slices"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

// from is a condition from a tick on.
type from struct {
	at time.Duration
	simulate.Condition
}

// condition is nil for a backend to which nothing ever happens.
func condition(b scenario.Backend, timeline scenario.Timeline) func(time.Duration) simulate.Condition {
	conditions := conditionsOf(b, timeline)
	if len(conditions) == 1 && conditions[0].Condition == simulate.Healthy() {
		return nil
	}
	return func(t time.Duration) simulate.Condition {
		i, found := slices.BinarySearchFunc(conditions, t, func(c from, t time.Duration) int { return cmp.Compare(c.at, t) })
		if !found {
			i--
		}
		return conditions[i].Condition
	}
}

// conditionsOf puts each moment at the next tick. Of several at one tick the
// last counts, but for a restart: one that is over by then still loses what was
// in flight, and takes the backend away until the tick after.
func conditionsOf(b scenario.Backend, timeline scenario.Timeline) []from {
	var out []from
	for k := 0; k < len(timeline); {
		at, restarted := ceil(timeline[k].At), false
		for ; k < len(timeline) && ceil(timeline[k].At) == at; k++ {
			restarted = restarted || timeline[k].Down
		}
		last := timeline[k-1].State
		if !restarted || last.Down {
			out = append(out, from{at, conditionIn(b, last)})
			continue
		}
		down := last
		down.Down = true
		out = append(out, from{at, conditionIn(b, down)})
		if next := at + simulate.Tick; k == len(timeline) || ceil(timeline[k].At) > next {
			out = append(out, from{next, conditionIn(b, last)})
		}
	}
	return out
}

// conditionIn is the condition of a backend in a state.
func conditionIn(b scenario.Backend, s scenario.State) simulate.Condition {
	c := simulate.Condition{
		Cores: s.Cores / b.Cores, Speed: s.Speed / b.Speed * s.Warmth,
		Weight: s.Weight / b.Weight,
		Taken:  s.NeighbourCores, Hidden: s.NeighbourCores > 0 && !s.NeighbourReported,
		Wait: s.WaitFactor, Distance: s.Distance, Errors: s.ErrorRate,
		Hanging: s.Fail == scenario.FailHang,
		Killed:  s.Down, Absent: !s.Present, Draining: s.Draining, DrainedFrom: s.DrainedFrom,
		Report: reportMode(s.Reports), Claim: s.ReportScale,
	}
	if s.CapacityHint != b.CapacityHint {
		c.CapacityHint = s.CapacityHint
	}
	if s.Fail == scenario.FailFast {
		c.Errors = 1
	}
	return c
}

func reportMode(r scenario.Reporting) simulate.ReportMode {
	switch r {
	case scenario.ReportsStop:
		return simulate.ReportStop
	case scenario.ReportsZero:
		return simulate.ReportZero
	case scenario.ReportsFull:
		return simulate.ReportFull
	case scenario.ReportsFrozen:
		return simulate.ReportFrozen
	default:
		return simulate.ReportTrue
	}
}
