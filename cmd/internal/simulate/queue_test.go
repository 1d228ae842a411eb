package simulate

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestQueueSharesCores(t *testing.T) {
	// Two cores. Jobs of 2 s and 3 s run alone for a second; then a job of 1 s
	// makes three, each at 2/3 of the speed.
	//	t=1: 1, 2 and 1 left; t=2.5: two are done, 1 left of the other; t=3.5
	q := queue{cores: 2, speed: 1}
	q.add(job{request: 1}, 2)
	q.add(job{request: 2}, 3)
	q.advance(1)
	q.add(job{request: 3}, 1)
	var got []float64
	for len(q.jobs) > 0 {
		at := q.next()
		got = append(got, at)
		q.finish(at)
	}
	for i, want := range []float64{2.5, 2.5, 3.5} {
		if math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("completion %d at %v, want %v", i, got[i], want)
		}
	}
	if math.Abs(q.used-6) > 1e-12 {
		t.Errorf("used %v core-seconds, want all of the work: 6", q.used)
	}
}

func TestQueueWithoutCoresWaits(t *testing.T) {
	q := queue{cores: 0, speed: 1}
	q.add(job{}, 1)
	if next := q.next(); !math.IsInf(next, 1) {
		t.Errorf("next completion at %v, want never", next)
	}
}

func TestJobsComeInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOf(rapid.Float64Range(0, 10)).Draw(t, "times")
		var h jobs
		for _, at := range times {
			h.push(job{at: at})
		}
		slices.Sort(times)
		for i, want := range times {
			if got := h.pop().at; got != want {
				t.Fatalf("job %d at %v, want %v", i, got, want)
			}
		}
	})
}

func TestTournamentKnowsTheFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "n")
		at := slices.Repeat([]float64{math.Inf(1)}, n)
		tour := newTournament(n)
		for range 50 {
			i := rapid.IntRange(0, n-1).Draw(t, "i")
			at[i] = rapid.Float64Range(0, 100).Draw(t, "at")
			tour.set(i, at[i])
			if _, got := tour.first(); got != slices.Min(at) {
				t.Fatalf("first at %v, want %v", got, slices.Min(at))
			}
		}
	})
}
