package scorer

import "time"

// ejection is one backend's way out of a pool and back.
//
//	in ──failing──▶ waiting ──delay──▶ pulsed ──3 good pulses──▶ in, slow start
//	                   ▲                 │ errors: delay doubles
//	                   └─────────────────┘ nobody came: pulse doubles
//
// leastconn takes an idle backend whatever its weight, so a backend that fails
// fast draws everything (61 % errors for one of five) and weight 1 does not
// help: only 0 does. To see whether it is well again, real requests are let in
// for a moment. A pulse of 50 ms costs some tens of requests at most, once in
// an ever longer while.
type ejection struct {
	constants *Constants

	delay time.Duration
	// next is when the next pulse is due; pulsed when the last one was given,
	// zero when none is under way.
	next, pulsed time.Time
	pulse        time.Duration
	good         int
	seen         share
	// inFlight is what is in flight now, before what was when the last pulse was given:
	// requests that hang from long ago say nothing of today.
	inFlight, before float64
	// failed and rest are the shares of failures that it was ejected for.
	failed, rest float64
	// stay is how long requests stayed at the others then, in seconds; 0 when that is
	// not known.
	stay float64
}

func newEjection(now time.Time, k *Constants) *ejection {
	return &ejection{constants: k, delay: k.FirstDelay, pulse: k.FirstPulse, next: now.Add(k.FirstDelay)}
}

// step returns how long a pulse to give now (0: none) and whether the backend
// is well again. done and failed are per second, over the given seconds.
// canPulse is false where the target has no way to time one.
func (e *ejection) step(now time.Time, done, failed, inFlight, seconds float64, canPulse bool) (pulse time.Duration, readmit bool) {
	if !e.pulsed.IsZero() {
		if done > 0 {
			e.seen.done += done * seconds
		}
		if failed > 0 {
			e.seen.failed += failed * seconds
		}
		e.inFlight = inFlight
		if !e.judge(now) {
			return 0, false
		}
	}
	if float64(e.good) >= e.constants.GoodPulses {
		return 0, true
	}
	if !canPulse || now.Before(e.next) {
		return 0, false
	}
	e.pulsed, e.seen, e.before = now, share{}, inFlight
	return e.pulse, false
}

// judge ends a pulse when its outcome is known and reports whether it did: its
// requests must have had time to come back.
func (e *ejection) judge(now time.Time) bool {
	age := now.Sub(e.pulsed)
	if age < e.constants.JudgeAfter {
		return false
	}
	old := max(e.before-e.inFlight, 0)
	seen := share{max(e.seen.done-old, 0), max(e.seen.failed-old, 0)}
	came := seen.done >= 1
	if age < e.constants.JudgeAtLast && (!came || e.inFlight > e.before) {
		return false
	}
	e.pulsed = time.Time{}
	switch {
	case came:
		e.probed(now, seen.ratio() < e.constants.GoodShare)
	case e.inFlight > e.before:
		e.probed(now, false) // requests went in and none came back
	default:
		e.pulse = min(2*e.pulse, e.constants.MaxPulse)
		e.next = now
	}
	return true
}

// probed takes the outcome of a pulse or of a health request.
func (e *ejection) probed(now time.Time, ok bool) {
	if ok {
		e.good++
		e.next = now
		return
	}
	e.good, e.pulse = 0, e.constants.FirstPulse
	e.delay = min(2*e.delay, e.constants.MaxDelay)
	e.next = now.Add(e.delay)
}
