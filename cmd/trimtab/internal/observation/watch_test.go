package observation

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// planAt is a plan after so many seconds.
func planAt(second int, decisions ...scorer.Decision) *scorer.Plan {
	return &scorer.Plan{Pool: "web", Seq: uint64(second + 1), At: began.Add(time.Duration(second) * time.Second), Decisions: decisions}
}

func decision(name string, inFlight, rps float64) scorer.Decision {
	return scorer.Decision{
		Backend: name, State: scorer.StateReady, InFlight: inFlight, RPS: rps, EPS: 0,
		Latency: inFlight / rps, Utilization: math.NaN(),
	}
}

func about(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9*math.Abs(want) && !(math.IsNaN(got) && math.IsNaN(want)) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func TestMeansAreOverTheLastMinutes(t *testing.T) {
	var w Watch
	for second := range 3000 {
		inFlight := 2.0
		if second < 1000 {
			inFlight = 100 // long forgotten
		}
		w.Take(planAt(second, decision("a", inFlight, 10), decision("b", math.NaN(), math.NaN())))
		w.Take(planAt(second, decision("a", 1e9, 1e9), decision("b", 1, 1))) // a second snapshot of the same step
	}
	seconds, seen := w.seen()
	if math.Abs(seconds-300) > 1 {
		t.Errorf("over %v s, want about 300", seconds)
	}
	a := seen["a"]
	if v := a.inFlight.value(); v < 2 || v > 2.2 {
		t.Errorf("in flight %v, want about 2", v)
	}
	about(t, "rate", a.completed.value(), 10)
	about(t, "utilization", a.utilization.value(), math.NaN())
	b := seen["b"]
	about(t, "of what nobody reports", b.inFlight.value(), math.NaN())
}

func TestLatencyIsTheMeanOfRequests(t *testing.T) {
	var w Watch
	w.Take(planAt(0, decision("a", 1, 1)))
	fast, slow := decision("a", 1, 30), decision("a", 1, 10)
	fast.Latency, slow.Latency = 0.1, 0.5
	w.Take(planAt(1, fast))
	w.Take(planAt(2, slow))
	_, seen := w.seen()
	a := seen["a"]
	if got := a.latency.value(); math.Abs(got-0.2) > 0.001 {
		t.Errorf("latency %v, want 0.2: there are three quick requests for a slow one", got)
	}
}

func TestWhoTakesNoWorkCountsForNothing(t *testing.T) {
	var w Watch
	w.Take(planAt(0, decision("a", 1, 1)))
	for second := 1; second < 10; second++ {
		d := decision("a", 4, 8)
		if second >= 5 {
			d.State, d.RPS, d.InFlight = scorer.StateEjected, 0, 0
		}
		w.Take(planAt(second, d))
	}
	_, seen := w.seen()
	a := seen["a"]
	about(t, "in flight", a.inFlight.value(), 4)
	about(t, "rate", a.completed.value(), 8)
}

func TestMembersComeAndGo(t *testing.T) {
	var w Watch
	w.Take(planAt(0, decision("b", 1, 1)))
	w.Take(planAt(1, decision("b", 5, 1)))
	w.Take(planAt(2, decision("a", 7, 1), decision("b", 5, 1)))
	w.Take(planAt(3, decision("a", 7, 1), decision("b", 5, 1), decision("c", 9, 1)))
	_, seen := w.seen()
	for name, want := range map[string]float64{"a": 7, "b": 5, "c": 9} {
		b := seen[name]
		about(t, name, b.inFlight.value(), want)
	}
	w.Take(planAt(4, decision("b", 5, 1)))
	if _, seen := w.seen(); len(seen) != 1 {
		t.Errorf("seen %v, want only b", seen)
	}
}

func TestAMachineThatSleptHasSeenNothing(t *testing.T) {
	var w Watch
	w.Take(planAt(0, decision("a", 1, 1)))
	w.Take(planAt(3600, decision("a", 1, 1)))
	if seconds, _ := w.seen(); seconds > 10 {
		t.Errorf("over %v s, want at most 10", seconds)
	}
}

func TestIsReadWhileItWatches(t *testing.T) {
	var w Watch
	var group sync.WaitGroup
	group.Go(func() {
		for second := range 200 {
			w.Take(planAt(second, decision(fmt.Sprint(second/50), 1, 1)))
		}
	})
	for range 200 {
		w.seen()
	}
	group.Wait()
}

func BenchmarkTake(b *testing.B) {
	const n = 10_000
	decisions := make([]scorer.Decision, n)
	for i := range decisions {
		decisions[i] = decision(fmt.Sprintf("s%05d", i), 4, 45)
	}
	var w Watch
	second := 0
	b.ReportAllocs()
	for b.Loop() {
		w.Take(planAt(second, decisions...))
		second++
	}
}
