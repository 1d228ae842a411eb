package scorer

import "time"

// series is a number over the last minute, a value for each step.
type series struct {
	points []point
}

type point struct {
	at    time.Time
	value float64
}

const seriesKept = time.Minute

func (s *series) add(at time.Time, value float64) {
	old := 0
	for old < len(s.points) && at.Sub(s.points[old].at) > seriesKept {
		old++
	}
	s.points = append(s.points[:0], s.points[old:]...)
	s.points = append(s.points, point{at, value})
}

// at is the value of the first point from then on; false when that is not known.
func (s *series) at(then time.Time) (float64, bool) {
	if len(s.points) == 0 || s.points[0].at.After(then) {
		return 0, false
	}
	for _, p := range s.points {
		if !p.at.Before(then) {
			return p.value, true
		}
	}
	return 0, false
}

func (s *series) last() float64 {
	if len(s.points) == 0 {
		return 0
	}
	return s.points[len(s.points)-1].value
}

// largest is 0 for none.
func (s *series) largest() float64 {
	out := 0.0
	for _, p := range s.points {
		out = max(out, p.value)
	}
	return out
}
