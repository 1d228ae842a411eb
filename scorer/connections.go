package scorer

import (
	"math"
	"slices"
	"time"
)

// connections shares long-lived connections by what the dear ones among them
// leave free.
//
// For each backend, in units of the configured capacities C:
//
//	load_i = C_i · utilization_i
//	fair_i = C_i · Σ load / Σ C          its part of all load
//	ρ      = median of load_i / n_i      what an ordinary connection costs
//	h_i    = 10 s mean of load_i − ρ·n_i what its dear connections cost beyond
//	W_i    ∝ max(0.02·fair_i, fair_i − h_i)
//
// An h_i that is not clearly more or less than the noise that it is measured with
// counts as 0: equal backends keep equal goals, and no connection is moved for noise.
//
// A dear connection (one that pins a core) cannot be moved by placing others
// elsewhere at random, so it is taken as fixed and the backend gets fewer
// others. Equal counts would leave that backend overloaded for as long as the
// connection lives: with one connection that pins one core of four, max/mean
// load is 1.31 by equal counts and 1.03 with these goals, reached by churn
// alone in 241 s.
//
// Without utilization there is nothing to tell a dear connection by: the shares
// are then the configured capacities. How long connections stay is never used.
type connections struct {
	constants *Constants

	excess  map[string]*dearness
	fair    map[string]float64
	costs   []float64
	weights []float64
	last    time.Time
}

func newConnections(k *Constants) *connections {
	return &connections{constants: k, excess: map[string]*dearness{}, fair: map[string]float64{}}
}

// Weights implements Law.
func (c *connections) Weights(now time.Time, in []Observation) []float64 {
	k := c.constants
	seconds := 1.0
	if !c.last.IsZero() {
		seconds = min(max(now.Sub(c.last).Seconds(), 0), k.GoalMemory)
	}
	c.last = now
	c.weights = c.weights[:0]
	c.costs = c.costs[:0]
	var load, capacity float64
	for i := range in {
		c.weights = append(c.weights, in[i].Capacity)
		if !in[i].InService && in[i].InFlight == 0 { // empty: none of them is left
			delete(c.excess, in[i].Backend)
		}
		if !k.hasLoad(&in[i]) {
			continue
		}
		load += in[i].Capacity * in[i].Utilization
		capacity += in[i].Capacity
		if in[i].InFlight >= k.FewConnections {
			c.costs = append(c.costs, in[i].Capacity*in[i].Utilization/in[i].InFlight)
		}
	}
	if load <= 0 || len(c.costs) == 0 {
		return c.weights
	}
	slices.Sort(c.costs)
	cost := c.costs[len(c.costs)/2]
	for i := range in {
		fair := in[i].Capacity * load / capacity
		excess := c.excess[in[i].Backend]
		if excess == nil {
			if !k.hasLoad(&in[i]) {
				continue
			}
			excess = newDearness(k)
			excess.squares.add(firstNoise*fair*firstNoise*fair, k.GoalMemory)
			c.excess[in[i].Backend] = excess
		}
		// Who is silent for a moment keeps the dear connections that it had.
		if k.hasLoad(&in[i]) {
			excess.add(in[i].Capacity*in[i].Utilization-cost*in[i].InFlight, seconds)
		}
		h := excess.value()
		c.fair[in[i].Backend] = fair
		c.weights[i] = max(k.LeastGoal*fair, fair-h) * capacity / load
	}
	c.forget(in)
	return c.weights
}

func (k *Constants) hasLoad(o *Observation) bool {
	return o.InService && isNumber(o.InFlight) && !math.IsNaN(o.Utilization) &&
		o.Utilization >= 0 && o.Utilization <= k.MostUtilization
}

// excessOf is what a backend's dear connections cost, 0 while nothing is known.
func (c *connections) excessOf(backend string) float64 {
	if d := c.excess[backend]; d != nil && isNumber(d.value()) {
		return d.value()
	}
	return 0
}

// dearness is what one backend's dear connections cost.
type dearness struct{ mean, squares average }

const (
	// firstNoise is what one measurement is taken to be off by at first, as a share of
	// a fair load.
	firstNoise = 0.1
	// clearly is by how many standard deviations of a single measurement the mean has
	// to differ from 0: three of its own.
	clearly = 0.7
)

func newDearness(k *Constants) *dearness {
	return &dearness{newAverage(k.GoalMemory), newAverage(k.GoalMemory)}
}

func (d *dearness) add(value, seconds float64) {
	off := value - d.mean.value
	if d.mean.age > 0 {
		d.squares.add(off*off, seconds)
	}
	d.mean.add(value, seconds)
}

func (d *dearness) value() float64 {
	if math.Abs(d.mean.value) < clearly*math.Sqrt(d.squares.value) {
		return 0
	}
	return d.mean.value
}

// dear is what a backend's dear connections cost and its fair part of all load, in
// units of the configured capacity; 0 while nothing is known.
func (c *connections) dear(backend string) (excess, fair float64) {
	return c.excessOf(backend), c.fair[backend]
}

// taken says whether a backend's dear connections leave nothing for others.
func (c *connections) taken(backend string) bool {
	excess, fair := c.dear(backend)
	return fair > 0 && fair-excess <= c.constants.LeastGoal*fair
}

// recall starts from what dear connections cost before.
func (c *connections) recall(memory map[string]Remembered) {
	for name, r := range memory {
		excess := newDearness(c.constants)
		excess.mean.add(r.Excess, c.constants.GoalMemory)
		c.excess[name] = excess
	}
}

func (c *connections) forget(in []Observation) {
	if len(c.excess) <= len(in) {
		return
	}
	present := make(map[string]bool, len(in))
	for i := range in {
		present[in[i].Backend] = true
	}
	for name := range c.excess {
		if !present[name] {
			delete(c.excess, name)
			delete(c.fair, name)
		}
	}
}
