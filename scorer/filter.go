package scorer

import "math"

// filter is a scalar Kalman filter of one backend's log capacity.
//
// It estimates a constant that hardly drifts (random walk with standard deviation
// Constants.CalmDrift·drift a second), from surprises: by how much a backend completed more
// than a backend of the estimated strength would have. The gain is as large as
// the measured noise allows, so that the same numbers serve a hundred requests
// a second and one in two seconds.
//
// A filter that lags behind what it estimates, see [lag], is opened again: as far
// as what it lacks, and up to reopen times as far as one whose drift was never less
// than drift. So it takes long means while nothing happens, and forgets them when
// something does.
type filter struct {
	// x is the log capacity relative to the configured one, v its variance.
	x, v float64
	// drift is the standard deviation of the walk per second that x may be on,
	// spread that of what capacities really are around the configured ones, 0
	// where nothing is known of it, and reopen by how much the filter is opened.
	drift, spread, reopen float64
	// work is the mean of what was completed and expected, per second, over
	// Constants.WorkMemory.
	work      average
	residuals residuals
	lag       lag
	// quick is the variance of a filter that drifts at all times, with the noise
	// of the last step; before is what x was before that, and catching that it
	// opened the filter.
	quick, before float64
	catching      bool
}

// maxLog bounds a log capacity: a factor of 20 either way.
const maxLog = 3

// mostScatter is the variance from which on a step shows nothing.
const mostScatter = 1e9

// newFilter returns a filter that starts at x. Where spread is known the walk is
// pulled back to the configured capacity as strongly as makes it have that spread
// (an Ornstein-Uhlenbeck process: of x is lost what the step adds to the variance,
// over 2·spread²). Where there is much to measure the pull is lost in it, and where
// there is little, noise cannot carry an estimate away.
func newFilter(x, drift, spread, reopen float64, k *Constants) filter {
	return filter{
		x: x, v: k.firstVariance(), drift: drift, spread: spread, reopen: reopen, work: newAverage(k.WorkMemory),
	}
}

// update moves the estimate by one surprise. done and expected are completions
// per second over the given seconds; lead is how far the weight in force is
// ahead of the estimate: the surprise is measured under the weight that was
// really there, and without lead the estimate would run away whenever a weight
// does not follow.
func (f *filter) update(done, expected, lead, seconds float64, pool *noise) {
	f.before, f.catching = f.x, false
	pool.add(&f.residuals, done, expected, seconds)
	// A surprise of more than three times either way is cut to that. It is the
	// count that is cut, not the quotient: of two backends that are both cut,
	// the one with more to show for itself must not move further down.
	most := pool.constants.MaxSurprise
	done = min(max(done, expected/most), expected*most)
	present := (done + expected) / 2
	work := max(f.work.add(present, seconds), present)
	scatter := pool.dispersion / (work * seconds)
	if !(scatter < mostScatter) {
		return
	}
	surprise := (done-expected)/work + lead
	walked := f.walk(surprise, scatter, seconds, pool.constants)
	keep := 1.0
	if f.spread > 0 {
		keep = 1 - min(walked/(2*f.spread*f.spread), 1)
	}
	surprise += f.x * (1 - keep)
	f.x *= keep
	f.v = f.v*keep*keep + walked
	gain := f.v / (f.v + scatter)
	f.x += gain * surprise
	f.v *= 1 - gain
}

// walk returns by how much the variance grows in a step, more where x lags behind.
func (f *filter) walk(surprise, scatter, seconds float64, k *Constants) float64 {
	// The variance at which what a step of drift adds is what a measurement
	// takes off, and the time in which drift adds as much as that.
	f.quick = f.drift * math.Sqrt(scatter*seconds)
	memory := f.quick / (f.drift * f.drift)
	lacking := f.lag.add(surprise, f.v+scatter, seconds, memory, k)
	opened := min(lacking, max(0, f.reopen*f.quick-f.v))
	f.catching = opened > 0
	calm := k.CalmDrift * f.drift
	return calm*calm*seconds + opened
}

// calm is that x has not had to catch up for some time, as far as is known.
func (f *filter) calm(k *Constants) bool { return f.v < k.CalmVariance*f.quick || f.quick == 0 }

// unsure is how far x may be off without having been found out yet.
func (f *filter) unsure() float64 { return math.Sqrt(max(f.v, f.quick)) }

// forget lets the variance grow while nothing is observed, up to ignorance.
func (f *filter) forget(seconds, ignorance float64) {
	f.v = min(f.v+f.drift*f.drift*seconds, ignorance)
	f.before, f.catching = f.x, false
}

// average is an exponential mean over a time constant that is the plain mean
// until it is that old.
type average struct {
	value, memory, age float64
}

func newAverage(seconds float64) average { return average{memory: seconds} }

func (a *average) add(value, seconds float64) float64 {
	a.age = min(a.age+seconds, a.memory)
	if a.age > 0 {
		a.value += (value - a.value) * min(seconds/a.age, 1)
	}
	return a.value
}

// noise is the dispersion of completions around what is expected: variance
// over mean, 1 for Poisson. It is shared by a pool because routing is random.
//
// It is measured on blocks of a few seconds, by the differences of successive
// blocks, so that a lasting error of a capacity is not taken for noise.
type noise struct {
	constants     *Constants
	squares, work float64
	backends      int
	// dispersion holds still during a step, so that equal backends are treated
	// alike whatever their order.
	dispersion float64
}

func newNoise(k *Constants) noise {
	return noise{constants: k, squares: k.FirstDispersion * k.FirstWork, work: k.FirstWork}
}

// begin starts a step of a pool with so many backends.
func (n *noise) begin(backends int) {
	n.backends = max(backends, 1)
	n.dispersion = max(n.squares/n.work, n.constants.LeastDispersion)
}

// residuals is one backend's running block.
type residuals struct {
	seconds, difference, work float64
	before                    float64
	hasBefore                 bool
}

func (n *noise) add(r *residuals, done, expected, seconds float64) {
	r.seconds += seconds
	r.difference += (done - expected) * seconds
	r.work += (done + expected) / 2 * seconds
	// A tick is never exactly a second; half of one decides.
	if r.seconds < n.constants.BlockSeconds-0.5 {
		return
	}
	if r.hasBefore && r.work > 0 {
		step := r.difference - r.before
		square := min(step*step/2, n.constants.Outlier*n.dispersion*r.work)
		keep := 1 - 1/(n.constants.BlockMemory*float64(n.backends))
		n.squares = n.squares*keep + square
		n.work = n.work*keep + r.work
	}
	*r = residuals{before: r.difference, hasBefore: true}
}

func isNumber(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
