package scorer

// usual is how long steps usually take. What was missed while trimtab stood still is
// not caught up on in a moment: connections that are to be asked in a minute must not
// all be asked in a second.
type usual struct{ seconds float64 }

// usualMemory is over how many steps it is averaged.
const usualMemory = 4

// bound is a step's time, at most what is usual.
func (u *usual) bound(seconds float64) float64 {
	if u.seconds <= 0 {
		u.seconds = seconds
	}
	out := min(seconds, u.seconds)
	if seconds > 0 {
		u.seconds += (min(seconds, 2*u.seconds) - u.seconds) / usualMemory
	}
	return out
}
