package simulate

import "slices"

const (
	// evenAt is how far above its goal a backend may stay.
	evenAt = 1.05
	// costsOver is for how many seconds it is watched what connections cost, from
	// costsAfter on, by when those that have come cost something, and tellingCost the least number of them on a backend that says anything of it.
	costsOver   = 10
	costsAfter  = 2
	tellingCost = 10
	// leastGoal is a backend's least part of its fair share, however dear the
	// connections are that it has.
	leastGoal = 0.02
)

// uneven is a pool whose connections may have to move.
type uneven struct {
	// capacities are 0 of who takes no work.
	capacities []float64
	// held is what each had at the beginning, and leaving what all of is to go.
	held    []float64
	leaving float64
	// work and open are sums over so many seconds; below 0 it is too early.
	work, open []float64
	seconds    int
}

func newUneven(s *Scenario, before, now []Condition, held []float64) *uneven {
	u := &uneven{
		capacities: make([]float64, len(now)), held: slices.Clone(held),
		work: make([]float64, len(now)), open: make([]float64, len(now)), seconds: -costsAfter,
	}
	for i := range now {
		u.capacities[i] = s.Backends[i].capacity(&now[i])
		switch drained := now[i].Draining > 0 && !now[i].Away(); {
		case now[i].Away():
			u.held[i] = 0
		case drained && (before == nil || before[i].DrainedFrom != now[i].DrainedFrom):
			u.leaving += held[i]
		}
	}
	return u
}

// add is a second more.
func (u *uneven) add(work, open []float64) {
	if u.seconds++; u.seconds <= 0 {
		return
	}
	for i := range work {
		u.work[i] += work[i]
		u.open[i] += open[i]
	}
}

// excess is how many connections have to be closed.
func (u *uneven) excess() float64 {
	goals, all := u.goals(), sum(u.held)
	total, out := sum(goals), u.leaving
	for i, goal := range goals {
		if u.capacities[i] > 0 && total > 0 {
			out += max(u.held[i]-evenAt*goal/total*all, 0)
		}
	}
	return out
}

// goals are the parts of the connections that make load even, relative to each
// other: a backend's fair part of the work, less what its connections cost more
// than others do, which cannot be moved by closing any others.
func (u *uneven) goals() []float64 {
	capacity, work := sum(u.capacities), 0.0
	var costs []float64
	for i, c := range u.capacities {
		if c == 0 {
			continue
		}
		work += u.work[i]
		if u.open[i] >= tellingCost*float64(u.seconds) {
			costs = append(costs, u.work[i]/u.open[i])
		}
	}
	usual := 0.0
	if len(costs) > 0 {
		usual = median(costs)
	}
	out := make([]float64, len(u.capacities))
	for i, c := range u.capacities {
		if c == 0 {
			continue
		}
		fair := c / capacity
		out[i] = fair
		// What is within what counts as even is no dear connection.
		if dear := u.work[i] - u.open[i]*usual; usual > 0 && dear > (evenAt-1)*fair*work {
			out[i] = max(fair-dear/work, leastGoal*fair)
		}
	}
	return out
}

func sum(values []float64) float64 {
	total := 0.0
	for _, v := range values {
		total += v
	}
	return total
}
