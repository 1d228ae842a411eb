package scorer

import "math"

// filter is a scalar Kalman filter of one backend's log capacity.
//
// It estimates a constant that drifts slowly (random walk with standard
// deviation drift a step), from surprises: by how much a backend completed more
// than a backend of the estimated strength would have. The gain is as large as
// the measured noise allows, so that the same numbers serve a hundred requests
// a second and one in two seconds.
type filter struct {
	// x is the log capacity relative to the configured one, v its variance.
	x, v float64
	// drift is the standard deviation of the walk per second, and pull the share
	// of x that is lost per second towards the configured capacity.
	drift, pull float64
	// work is the mean of what was completed and expected, per second, over
	// Constants.WorkMemory.
	work      average
	residuals residuals
}

// maxLog bounds a log capacity: a factor of 20 either way.
const maxLog = 3

// newFilter returns a filter that starts at x. spread is the standard deviation
// of what capacities really are around the configured ones, 0 when nothing is
// known of it: the walk is then pulled back as strongly as makes it have that
// spread (an Ornstein-Uhlenbeck process: pull = drift²/2·spread²). Where there
// is much to measure the pull is lost in it, and where there is little, noise
// cannot carry an estimate away.
func newFilter(x, drift, spread float64, k *Constants) filter {
	f := filter{x: x, v: k.firstVariance(), drift: drift, work: newAverage(k.WorkMemory)}
	if spread > 0 {
		f.pull = drift * drift / (2 * spread * spread)
	}
	return f
}

// update moves the estimate by one surprise. done and expected are completions
// per second over the given seconds; lead is how far the weight in force is
// ahead of the estimate: the surprise is measured under the weight that was
// really there, and without lead the estimate would run away whenever a weight
// does not follow.
func (f *filter) update(done, expected, lead, seconds float64, pool *noise) {
	pool.add(&f.residuals, done, expected, seconds)
	// A surprise of more than three times either way is cut to that. It is the
	// count that is cut, not the quotient: of two backends that are both cut,
	// the one with more to show for itself must not move further down.
	most := pool.constants.MaxSurprise
	done = min(max(done, expected/most), expected*most)
	present := (done + expected) / 2
	work := max(f.work.add(present, seconds), present)
	if !(work > 0) {
		return
	}
	keep := 1 - min(f.pull*seconds, 1)
	lead += f.x * (1 - keep)
	f.x *= keep
	f.v = f.v*keep*keep + f.drift*f.drift*seconds
	gain := f.v / (f.v + pool.dispersion/(work*seconds))
	f.x += gain * ((done-expected)/work + lead)
	f.v *= 1 - gain
}

// forget lets the variance grow while nothing is observed, up to ignorance.
func (f *filter) forget(seconds, ignorance float64) {
	f.v = min(f.v+f.drift*f.drift*seconds, ignorance)
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
