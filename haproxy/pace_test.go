package haproxy

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// played are when closings take place that take so long each, out of at most
// total; some leave by themselves.
func played(t *rapid.T, p pace, now time.Time, left int) []time.Time {
	var out []time.Time
	for left > 0 {
		due, count, apart := p.next(now, left)
		if count < 1 || count > left || count > mostAtOnce || apart < 0 {
			t.Fatalf("%d of %d are due, %v apart", count, left, apart)
		}
		if due.After(now) {
			now = due
		}
		now = now.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "late in ms")) * time.Millisecond)
		for range count {
			out = append(out, now)
		}
		p.passed(now, count, apart)
		left -= count
	}
	return out
}

func TestPaceIsEvenAndEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Unix(1e9, 0)
		total := rapid.IntRange(1, 400).Draw(t, "total")
		over := time.Duration(rapid.IntRange(0, 60_000).Draw(t, "over in ms")) * time.Millisecond
		ends := played(t, newPace(start, start, over, total), start, total)
		last := ends[total-1].Sub(start)
		if late := time.Duration(total) * 3 * time.Millisecond; last > over+late {
			t.Fatalf("%d over %v: the last after %v", total, over, last)
		}
		if total < 40 || over < time.Duration(total)*8*time.Millisecond {
			return
		}
		if b := burst(ends, over/10, over); b > 1.5 {
			t.Fatalf("%d over %v: burst %.2f", total, over, b)
		}
		if last < over*9/10 {
			t.Fatalf("%d over %v: all gone after %v", total, over, last)
		}
	})
}

func TestPaceGoesOnLateAtTwiceTheRateAtMost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Unix(1e9, 0)
		total := rapid.IntRange(100, 400).Draw(t, "total")
		over := time.Duration(rapid.IntRange(10_000, 60_000).Draw(t, "over in ms")) * time.Millisecond
		passed := over * time.Duration(rapid.IntRange(0, 150).Draw(t, "passed in %")) / 100
		now := start.Add(passed)
		ends := played(t, newPace(now, start, over, total), now, total)
		if b := burst(ends, over/10, over); b > mostBurst {
			t.Fatalf("%d over %v, %v of which had passed: burst %.2f", total, over, passed, b)
		}
	})
}
