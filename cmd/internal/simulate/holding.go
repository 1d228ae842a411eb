package simulate

import (
	"math"
	"time"
)

// Held is how evenly a pool held what was in flight, requests and connections, after
// the warm-up.
type Held struct {
	// Peak is the most in flight at the end of a second on all backends that take
	// work, and PeakMaxMean and PeakMaxMin are the most of them over their mean and
	// less the least of them in that second, the last one of several.
	Peak, PeakMaxMean, PeakMaxMin float64
	// EndMaxMean is the most of them over their mean in the last second.
	EndMaxMean float64
	// Least is how many connections have to be closed at the least, if nobody leaves
	// by himself: what is above 1.05 of each backend's goal when who is in the pool,
	// or what it can do, changes, or when a group of clients begins to connect, and
	// all that a backend has that is to be drained, over all such changes.
	Least float64
}

// Holding follows what backends hold, second by second.
type Holding struct {
	scenario   *Scenario
	sockets    []Sockets // the pool's
	conditions []Condition
	held       Held
	uneven     *uneven // since the last change
}

// NewHolding returns one that has seen nothing.
func NewHolding(s *Scenario) *Holding { return &Holding{scenario: s, sockets: s.Sockets} }

// Second is to be told at the end of each second, the warm-up's included, how busy
// backends were in it, 1 being full, and what they have in flight now.
func (h *Holding) Second(at time.Duration, conditions []Condition, of func(backend int) (utilization, inFlight float64)) {
	work, held := make([]float64, len(conditions)), make([]float64, len(conditions))
	for i := range conditions {
		b, c := &h.scenario.Backends[i], &conditions[i]
		utilization, inFlight := of(i)
		work[i] = max(utilization*b.Cores*c.Cores-c.Taken, 0) * b.Speed * c.Speed
		held[i] = inFlight
	}
	if at > h.scenario.Warmup {
		h.peak(conditions, held)
		if h.changes(at, conditions) {
			h.end()
			h.uneven = newUneven(h.scenario, h.conditions, conditions, held)
		}
	}
	if h.uneven != nil {
		if h.uneven.add(work, held); h.uneven.seconds == costsOver {
			h.end()
		}
	}
	h.conditions = append(h.conditions[:0], conditions...)
}

func (h *Holding) peak(conditions []Condition, held []float64) {
	var all spread
	least := math.Inf(1)
	for i := range conditions {
		if !conditions[i].Out() {
			all.add(held[i])
			least = min(least, held[i])
		}
	}
	if all.sum == 0 {
		return
	}
	h.held.EndMaxMean = all.largest * float64(all.count) / all.sum
	if all.sum >= h.held.Peak {
		h.held.Peak, h.held.PeakMaxMean, h.held.PeakMaxMin = all.sum, h.held.EndMaxMean, all.largest-least
	}
}

// changes says whether connections may have to move from now on.
func (h *Holding) changes(at time.Duration, conditions []Condition) bool {
	for i := range h.conditions {
		b, before, now := &h.scenario.Backends[i], &h.conditions[i], &conditions[i]
		was, is := b.capacity(before), b.capacity(now)
		if before.Out() != now.Out() || before.DrainedFrom != now.DrainedFrom || math.Abs(is-was) > notable*max(is, was) {
			return true
		}
	}
	for i := range h.sockets {
		if from := h.sockets[i].ConnectFrom; from > at-time.Second && from <= at {
			return true
		}
	}
	return false
}

func (h *Holding) end() {
	if h.uneven != nil {
		h.held.Least += h.uneven.excess()
		h.uneven = nil
	}
}

// Held is how it was. Nothing may be told after that.
func (h *Holding) Held() Held {
	h.end()
	return h.held
}
