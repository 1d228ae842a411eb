package backend

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// arrival is work that comes at an instant and, if leaves is set, is taken out
// at that instant unless it is finished before.
type arrival struct {
	at, demand, leaves float64
}

// reference computes when work ends by following how much is left of each
// piece from event to event: no virtual time, no heap. NaN is never.
func reference(work []arrival, cores, speed float64) []float64 {
	left := make([]float64, len(work))
	ends := make([]float64, len(work))
	here := make([]bool, len(work))
	for i := range work {
		left[i], ends[i] = work[i].demand, math.NaN()
	}
	now := 0.0
	for {
		n := 0.0
		for i := range here {
			if here[i] {
				n++
			}
		}
		rate := speed * min(1, cores/max(n, 1))
		next := math.Inf(1)
		for i, w := range work {
			switch {
			case here[i]:
				next = min(next, now+left[i]/rate)
				if w.leaves > 0 {
					next = min(next, w.leaves)
				}
			case w.at > now && math.IsNaN(ends[i]) && left[i] > 0:
				next = min(next, w.at)
			}
		}
		if math.IsInf(next, 1) {
			return ends
		}
		for i := range work {
			if here[i] {
				left[i] -= rate * (next - now)
			}
		}
		now = next
		for i, w := range work {
			switch {
			case here[i] && left[i] <= 1e-12:
				here[i], ends[i] = false, now
			case here[i] && w.leaves > 0 && w.leaves <= now:
				here[i], left[i] = false, 0
			case !here[i] && w.at == now && math.IsNaN(ends[i]):
				here[i] = true
			}
		}
	}
}

func drawWork(t *rapid.T) []arrival {
	var work []arrival
	at := 0.0
	for range rapid.IntRange(1, 40).Draw(t, "arrivals") {
		at += rapid.Float64Range(0.001, 0.05).Draw(t, "gap")
		w := arrival{at: at, demand: rapid.Float64Range(0.0005, 0.2).Draw(t, "demand")}
		if rapid.IntRange(0, 4).Draw(t, "leaves") == 0 {
			w.leaves = at + rapid.Float64Range(0.001, 0.3).Draw(t, "patience")
		}
		work = append(work, w)
	}
	return work
}

// play puts the work through a queue, looking at it `every` seconds besides,
// and returns when each piece ended.
func play(q *queue, work []arrival, every, until float64) []float64 {
	ends := make([]float64, len(work))
	jobs := make([]*job, len(work))
	for i := range ends {
		ends[i] = math.NaN()
	}
	move := func(to float64) {
		for _, j := range q.advance(to) {
			ends[j.number] = j.ended.Seconds()
		}
	}
	next, look := 0, every
	for q.now < until {
		to := min(look, until)
		leaving := -1
		if next < len(work) {
			to = min(to, work[next].at)
		}
		for i, j := range jobs {
			if j != nil && j.index >= 0 && work[i].leaves > 0 && work[i].leaves <= to {
				to, leaving = work[i].leaves, i
			}
		}
		move(to)
		switch {
		case leaving >= 0:
			q.remove(jobs[leaving])
		case next < len(work) && work[next].at <= to:
			jobs[next] = q.add(work[next].demand, uint64(next))
			next++
		default:
			look += every
		}
	}
	return ends
}

func TestEndsAreThoseOfProcessorSharing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cores := rapid.SampledFrom([]float64{1, 2, 2.5, 8}).Draw(t, "cores")
		speed := rapid.SampledFrom([]float64{0.5, 1, 3}).Draw(t, "speed")
		work := drawWork(t)
		want := reference(work, cores, speed)
		// How often somebody looks must not matter: a late timer delays no end.
		for _, every := range []float64{1e-3, 0.037, 1000} {
			got := play(&queue{cores: cores, speed: speed}, work, every, 100)
			for i := range want {
				near := work[i].leaves > 0 && math.Abs(want[i]-work[i].leaves) < 1e-8
				if !near && math.IsNaN(got[i]) != math.IsNaN(want[i]) || math.Abs(got[i]-want[i]) > 1e-8 {
					t.Fatalf("looking every %v s: work %d %+v ended at %v, want %v", every, i, work[i], got[i], want[i])
				}
			}
		}
	})
}

func TestWorkIsConserved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := &queue{cores: rapid.Float64Range(0.5, 10).Draw(t, "cores"), speed: rapid.Float64Range(0.1, 4).Draw(t, "speed")}
		work := drawWork(t)
		until, given := rapid.Float64Range(0.01, 3).Draw(t, "until"), 0.0
		for i := range work {
			work[i].leaves = 0
			if work[i].at <= until {
				given += work[i].demand
			}
		}
		play(q, work, 0.01, until)
		if got := q.busy * q.speed; math.Abs(got-q.done) > 1e-9*max(1, got) {
			t.Fatalf("busy cores gave %v, work done is %v", got, q.done)
		}
		q.advance(1e6)
		if math.Abs(q.done-given) > 1e-7 {
			t.Fatalf("work of %v came, %v was done", given, q.done)
		}
		if len(q.waiting) > 0 || !math.IsInf(q.nextEnd(), 1) {
			t.Fatalf("%d jobs never end", len(q.waiting))
		}
	})
}

func TestSpeedZeroEndsNothing(t *testing.T) {
	q := &queue{cores: 1}
	q.add(0.1, 0)
	if ended := q.advance(1000); len(ended) > 0 || !math.IsInf(q.nextEnd(), 1) {
		t.Fatalf("%d jobs ended at no speed", len(ended))
	}
	q.speed = 1
	ended := q.advance(1001)
	if len(ended) != 1 || math.Abs(ended[0].ended.Seconds()-1000.1) > 1e-9 {
		t.Fatalf("after it runs again: %v", ended)
	}
}

func BenchmarkQueue(b *testing.B) {
	q := &queue{cores: 8, speed: 1}
	at := 0.0
	for b.Loop() {
		at += 0.0035
		q.advance(at)
		q.add(0.02, 0)
	}
}
