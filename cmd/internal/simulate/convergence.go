package simulate

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Convergence is how long the weights took to be right again after something
// happened to backends that kept getting work.
type Convergence struct {
	// At is when their true capacities changed, by more than a tenth.
	At       time.Duration
	Backends []string
	// After is how long it took until each of their shares was within a tenth
	// of right and stayed there for five seconds; negative when it never was
	// before the next change, or the end.
	After time.Duration
}

const (
	// notable is the change of a capacity that is an event, near how far a
	// share may be from right.
	notable = 0.1
	near    = 0.1
	// stays is for how many steps in a row a share must be near.
	stays = 5
)

// watch times how long a controller takes.
type watch struct {
	scenario *Scenario
	capacity []float64
	events   []Convergence
	affected []int
	near     int // steps in a row
}

func newWatch(s *Scenario) watch { return watch{scenario: s} }

// notice is told of the conditions every tick.
func (w *watch) notice(at time.Duration, conditions []Condition) {
	if w.capacity == nil {
		w.capacity = make([]float64, len(conditions))
		for i := range conditions {
			w.capacity[i] = w.scenario.Backends[i].capacity(&conditions[i])
		}
		return
	}
	begun := false
	for i := range conditions {
		c := w.scenario.Backends[i].capacity(&conditions[i])
		before := w.capacity[i]
		w.capacity[i] = c
		if math.Abs(c-before) <= notable*max(c, before) || conditions[i].Out() {
			continue
		}
		if !begun {
			begun = true
			w.affected, w.near = w.affected[:0], 0
			w.events = append(w.events, Convergence{At: at, After: -1})
		}
		w.affected = append(w.affected, i)
		last := &w.events[len(w.events)-1]
		last.Backends = append(last.Backends, w.scenario.Backends[i].Name)
	}
}

// steered is told what a controller wants.
func (w *watch) steered(at time.Duration, conditions []Condition, s *Steering) {
	if len(w.events) == 0 || w.events[len(w.events)-1].After >= 0 {
		return
	}
	last := &w.events[len(w.events)-1]
	if !w.isNear(conditions, s) {
		w.near = 0
		return
	}
	if w.near++; w.near == stays {
		last.After = max(at-(stays-1)*ticksPerStep*Tick-last.At, 0)
	}
}

func (w *watch) isNear(conditions []Condition, s *Steering) bool {
	var shares, capacities float64
	for i := range conditions {
		if !conditions[i].Out() {
			shares += s.share(i)
			capacities += w.capacity[i]
		}
	}
	for _, i := range w.affected {
		right := w.capacity[i] / capacities
		// Who can do nothing is right with next to nothing.
		if !conditions[i].Out() && !(math.Abs(s.share(i)/shares-right) <= near*max(right, near/float64(len(conditions)))) {
			return false
		}
	}
	return true
}

// share is what a backend is to get, relative to the others.
func (s *Steering) share(backend int) float64 {
	switch {
	case s.Pulses != nil && s.Pulses[backend] > 0:
		return 0
	case s.Shares != nil:
		return s.Shares[backend]
	default:
		return float64(s.Weights[backend])
	}
}

// merged are the events of several pools, in order of time. One that several of
// them see has come to its end once it has in all of them.
func merged(a, b []Convergence) []Convergence {
	out := slices.Clone(a)
	for _, event := range b {
		i, found := slices.BinarySearchFunc(out, event.At, func(c Convergence, at time.Duration) int { return cmp.Compare(c.At, at) })
		if !found {
			out = slices.Insert(out, i, event)
			continue
		}
		same := &out[i]
		if same.After >= 0 && (event.After < 0 || event.After > same.After) {
			same.After = event.After
		}
		same.Backends = slices.Clone(same.Backends)
		for _, name := range event.Backends {
			if !slices.Contains(same.Backends, name) {
				same.Backends = append(same.Backends, name)
			}
		}
	}
	return out
}
