package scorer

import "math"

// failures is one backend's recent work and the failed part of it, twice: over
// about two steps, to act at once where there is traffic, and over a longer
// time, to act at all where there is little.
type failures struct {
	quick, slow share
}

// share is an exponentially remembered count of work and of its failed part.
type share struct{ done, failed float64 }

// fading is what is kept of the past over a window. It is the same for all
// backends of a pool nearly always, so it is kept.
type fading struct{ seconds, quick, slow float64 }

func (f *fading) over(seconds float64, k *Constants) fading {
	if f.seconds != seconds {
		*f = fading{seconds, math.Exp2(-seconds / k.QuickHalfLife.Seconds()), math.Exp(-seconds / k.SlowMemory.Seconds())}
	}
	return *f
}

func (f *failures) add(done, failed float64, keep fading) {
	if math.IsNaN(failed) || math.IsNaN(done) || keep.seconds <= 0 {
		return
	}
	f.quick.done = f.quick.done*keep.quick + done*(1-keep.quick)
	f.quick.failed = f.quick.failed*keep.quick + failed*(1-keep.quick)
	f.slow.done = f.slow.done*keep.slow + done*keep.seconds
	f.slow.failed = f.slow.failed*keep.slow + failed*keep.seconds
}

func (s share) ratio() float64 {
	if s.done <= 0 {
		return 0
	}
	return min(s.failed/s.done, 1)
}

func (s share) without(one share) share {
	return share{max(s.done-one.done, 0), max(s.failed-one.failed, 0)}
}

func (s *share) include(one share) {
	s.done += one.done
	s.failed += one.failed
}

// failing says whether one backend fails far above the rest, given the sums of
// all backends in service (it included).
func (f *failures) failing(all failures, k *Constants) bool {
	rest := failures{all.quick.without(f.quick), all.slow.without(f.slow)}
	quick := f.quick.failed > k.QuickLeast && f.quick.ratio() > k.EjectAbove+k.EjectTimes*rest.quick.ratio()
	slow := f.slow.failed > k.SlowLeast && f.slow.ratio() > k.EjectAbove+k.EjectTimes*rest.slow.ratio()
	return quick || slow
}

// spare returns the factor that a backend's weight is multiplied with because
// it fails more than the rest, but not enough to be ejected.
func (f *failures) spare(all failures, k *Constants) float64 {
	excess := f.quick.ratio() - all.quick.without(f.quick).ratio()
	if excess <= k.SpareAbove {
		return 1
	}
	return max(k.SpareLeast, 1-excess)
}

func (f *failures) include(one failures) {
	f.quick.include(one.quick)
	f.slow.include(one.slow)
}

func (f *failures) exclude(one failures) {
	f.quick = f.quick.without(one.quick)
	f.slow = f.slow.without(one.slow)
}

// share is the share of failures in the window that shows more of them.
func (f *failures) share() float64 { return max(f.quick.ratio(), f.slow.ratio()) }
