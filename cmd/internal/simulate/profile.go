package simulate

import (
	"slices"
	"time"
)

// Point is a value from a time on.
type Point struct {
	At    time.Duration
	Value float64
}

// Level is a value that never changes.
func Level(value float64) func(time.Duration) float64 {
	return func(time.Duration) float64 { return value }
}

// Steps is the value of the last point that has come, 0 before the first. The
// points are in the order of their times.
func Steps(points ...Point) func(time.Duration) float64 {
	return func(t time.Duration) float64 {
		value := 0.0
		for _, p := range points {
			if t >= p.At {
				value = p.Value
			}
		}
		return value
	}
}

// Ramps goes from point to point in straight lines, and stays at the first
// value before it and at the last one after it. The points, at least one, are in
// the order of their times.
func Ramps(points ...Point) func(time.Duration) float64 {
	return func(t time.Duration) float64 {
		i := slices.IndexFunc(points, func(p Point) bool { return t < p.At })
		switch i {
		case -1:
			return points[len(points)-1].Value
		case 0:
			return points[0].Value
		}
		a, b := points[i-1], points[i]
		return a.Value + (b.Value-a.Value)*float64(t-a.At)/float64(b.At-a.At)
	}
}
