package simulate

import "time"

// Watch tells how long weights take to be right again that are in force
// elsewhere, by the simulation's own measure.
type Watch struct{ watch watch }

// NewWatch returns one that has seen nothing.
func NewWatch(s *Scenario) *Watch { return &Watch{newWatch(s)} }

// Notice is to be told of all backends' conditions every [Tick], from 0 on.
func (w *Watch) Notice(at time.Duration, conditions []Condition) { w.watch.notice(at, conditions) }

// Steered is to be told once a second what is in force.
func (w *Watch) Steered(at time.Duration, conditions []Condition, s Steering) {
	w.watch.steered(at, conditions, &s)
}

// Convergence has an entry for each change of capacities so far.
func (w *Watch) Convergence() []Convergence { return w.watch.events }
