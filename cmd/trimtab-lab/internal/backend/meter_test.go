package backend

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// Whoever reads, and however often points are kept, steady growth is reported
// as it is.
func TestMeterOfSteadyGrowth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := meter{window: 1}
		p := point{}
		for range rapid.IntRange(1, 200).Draw(t, "points") {
			p.at += rapid.Float64Range(0.001, 3).Draw(t, "gap")
			p.busy, p.done, p.failed = 3*p.at, 100*p.at, 7*p.at
			rate, over := m.rates(p)
			if math.Abs(rate.busy-3) > 1e-6 || math.Abs(rate.done-100) > 1e-4 || math.Abs(rate.failed-7) > 1e-5 {
				t.Fatalf("rates %+v at %v", rate, p.at)
			}
			if want := min(p.at, 1); math.Abs(over-want) > 1e-9 {
				t.Fatalf("window of %v at %v, want %v", over, p.at, want)
			}
			m.keep(p)
		}
		if len(m.points) > 2*perWindow {
			t.Fatalf("%d points kept", len(m.points))
		}
	})
}
