// Package recording writes down what a pool is told and decides, reads it again, and
// has a new pool decide anew on the same.
//
//	tuner.Recording ─▶ Writer ─▶ JSON lines ─▶ Reader ─▶ Replay ─▶ what would have
//	 (trimtab run)      GET …/record, trimtab record     (trimtab replay)    been set
//
// A recording is a JSON object a line. The first is the [Header], each further one
// has `at`, when it happened, and one of
//
//	report     a load report that the pool took
//	backends   the pool's backends from now on
//	applied    what a target has in force
//	probed     the outcome of a health request to an ejected backend
//	closed     how many connections were closed for a plan
//	orders     all orders of operators from now on
//	plan       what the pool decided, of all that stands above it
//	lost       how many lines are missing here
//	end        the last line: why the recording ended, and how much it holds
//
// A number that is not known (NaN in package scorer) is left out of an object, and
// null in a list of named ones; infinities are "+Inf" and "-Inf". Durations read like
// 1.5s. Times are those of the wall clock when the recording began, plus the time that
// passed since by a clock that nobody sets: their differences are those that the pool
// saw. Fields are added, never renamed; a change of meaning is another version.
//
// The package is not for moving weights: what it decides is shown and forgotten.
package recording
