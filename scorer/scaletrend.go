package scorer

import "math"

// trend is a straight line through what was seen, by least squares with weights
// that fall exponentially with age. Time runs backwards from now, so that nothing
// grows with the age of the process.
type trend struct {
	memory float64 // seconds, the time constant
	// Sums over the samples of weight times 1, t, t², y, t·y and y².
	w, t, tt, y, ty, yy float64
	// ww is the sum of the squared weights: w²/ww is how many samples count.
	ww float64
}

// add takes a sample so many seconds after the one before.
func (r *trend) add(y, seconds float64) {
	if !(r.memory > 0) {
		return
	}
	// What was at t is now at t − seconds.
	r.tt += seconds*seconds*r.w - 2*seconds*r.t
	r.ty -= seconds * r.y
	r.t -= seconds * r.w
	fade := math.Exp(-seconds / r.memory)
	r.w, r.t, r.tt = r.w*fade+1, r.t*fade, r.tt*fade
	r.y, r.ty, r.yy = r.y*fade+y, r.ty*fade, r.yy*fade+y*y
	r.ww = r.ww*fade*fade + 1
}

// rise is the slope per second less twice its standard error; 0 where that leaves
// nothing of a rise.
func (r *trend) rise() float64 {
	samples := r.w * r.w / r.ww
	variance := r.tt - r.t*r.t/r.w // of time, times the weights
	if !(samples > 3) || !(variance > 0) {
		return 0
	}
	covariance := r.ty - r.t*r.y/r.w
	slope := covariance / variance
	residual := max(r.yy-r.y*r.y/r.w-slope*covariance, 0) / r.w * samples / (samples - 2)
	return max(slope-2*math.Sqrt(residual*r.w/samples/variance), 0)
}

// scale converts the samples into another unit.
func (r *trend) scale(k float64) {
	r.y *= k
	r.ty *= k
	r.yy *= k * k
}
