package load

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func drawn(t interface {
	Helper()
	Fatal(...any)
}, s Shape,
) Trace {
	t.Helper()
	trace, err := Poisson(s)
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

func TestTheSameShapeIsTheSameTrace(t *testing.T) {
	shape := Shape{Seed: 7, Rate: 500, MeanDemand: 20 * time.Millisecond, Length: 10 * time.Second}
	first := drawn(t, shape)
	if diff := cmp.Diff(first, drawn(t, shape)); diff != "" {
		t.Error(diff)
	}
	longer := shape
	longer.Length *= 2
	if diff := cmp.Diff(first.Arrivals, drawn(t, longer).Arrivals[:len(first.Arrivals)]); diff != "" {
		t.Errorf("a longer trace begins differently: %s", diff)
	}
	other := shape
	other.Seed++
	if cmp.Equal(first, drawn(t, other)) {
		t.Error("another seed is the same trace")
	}
	// Demands do not depend on the rate: more of the same work.
	faster := shape
	faster.Rate *= 2
	more := drawn(t, faster).Arrivals
	for i, a := range first.Arrivals {
		if more[i].Demand != a.Demand {
			t.Fatalf("demand %d is %v at twice the rate, was %v", i, more[i].Demand, a.Demand)
		}
	}
}

func TestTraceHasItsRateAndMean(t *testing.T) {
	const rate, mean, length = 1000, 20 * time.Millisecond, 60 * time.Second
	trace := drawn(t, Shape{Seed: 1, Rate: rate, MeanDemand: mean, Length: length})
	n := float64(len(trace.Arrivals))
	if want := rate * length.Seconds(); math.Abs(n-want) > 4*math.Sqrt(want) {
		t.Errorf("%v arrivals, want %v and a little", n, want)
	}
	var sum, squares float64
	for _, a := range trace.Arrivals {
		sum += a.Demand.Seconds()
		squares += a.Demand.Seconds() * a.Demand.Seconds()
	}
	got := sum / n
	if math.Abs(got/mean.Seconds()-1) > 0.02 {
		t.Errorf("mean demand %v s, want %v", got, mean)
	}
	if cv := math.Sqrt(squares/n-got*got) / got; math.Abs(cv-1) > 0.03 {
		t.Errorf("coefficient of variation %v, want that of an exponential, 1", cv)
	}
}

func TestTraceIsInOrderAndWithinItsLength(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Shape{
			Seed: rapid.Uint64().Draw(t, "seed"), Rate: rapid.Float64Range(0.1, 5000).Draw(t, "rate"),
			MeanDemand: time.Duration(rapid.Int64Range(0, 1e9).Draw(t, "mean")),
			Length:     time.Duration(rapid.Int64Range(1, 2e9).Draw(t, "length")),
		}
		trace := drawn(t, s)
		if !slices.IsSortedFunc(trace.Arrivals, func(a, b Arrival) int { return int(a.At - b.At) }) {
			t.Fatal("out of order")
		}
		for _, a := range trace.Arrivals {
			if a.At < 0 || a.At >= s.Length || a.Demand < 0 {
				t.Fatalf("arrival %+v", a)
			}
		}
		cut := time.Duration(rapid.Int64Range(0, 2e9).Draw(t, "cut"))
		_, end := trace.between(0, cut)
		first, last := trace.between(cut, s.Length)
		if end != first || last != len(trace.Arrivals) {
			t.Fatalf("windows [0,%d) and [%d,%d) of %d", end, first, last, len(trace.Arrivals))
		}
	})
}

func TestPoissonRefusesImpossibleShapes(t *testing.T) {
	for _, s := range []Shape{
		{},
		{Rate: -1, Length: 1},
		{Rate: math.NaN(), Length: 1},
		{Rate: 1, Length: -1},
		{Rate: 1, Length: 1, MeanDemand: -1},
	} {
		if _, err := Poisson(s); err == nil {
			t.Errorf("%+v was drawn", s)
		}
	}
}

func TestTypicalDemandIsNotMadeByAFew(t *testing.T) {
	if got := TypicalDemand([]time.Duration{6, 1, 2}); got != 3 {
		t.Errorf("alike: %v, want the mean of 3", got)
	}
	if got := TypicalDemand([]time.Duration{1, 102, 2}); got != 4 {
		t.Errorf("a few large ones: %v, want twice the median of 2", got)
	}
	if got := TypicalDemand(nil); got != 0 {
		t.Errorf("none: %v", got)
	}
}
