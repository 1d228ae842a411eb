package scorer

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestLagTellsAChangeFromNoise(t *testing.T) {
	k := DefaultConstants()
	for _, test := range []struct {
		name string
		// change is what surprises are beside noise of a standard deviation of 1.
		change, memory float64
		low, high      float64 // share of the steps that lack something
	}{
		{"nothing but noise", 0, 5, 0, 0.03},
		{"the same with a long memory", 0, 30, 0, 0.03},
		{"a change as large as the noise", 1, 5, 0.4, 0.9},
		{"the same with a long memory", 1, 30, 0.95, 1},
		{"a fall of three times the noise", -3, 5, 0.99, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			var l lag
			const steps = 20_000
			lacking := 0.0
			for range steps {
				if l.add(test.change+rng.NormFloat64(), 1, 1, test.memory, &k) > 0 {
					lacking++
				}
			}
			if got := lacking / steps; got < test.low || got > test.high {
				t.Errorf("lacks something in %.3f of the steps, want %v to %v", got, test.low, test.high)
			}
		})
	}
}

// Whether something is lacking does not depend on the unit of what is estimated,
// nor on its sign, and it is never more than was seen.
func TestLagHasNoScale(t *testing.T) {
	k := DefaultConstants()
	rapid.Check(t, func(t *rapid.T) {
		scale := math.Exp(rapid.Float64Range(-5, 5).Draw(t, "log scale"))
		memory := rapid.Float64Range(1, 60).Draw(t, "memory")
		var a, b lag
		largest := 0.0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			z := rapid.Float64Range(-10, 10).Draw(t, "surprise")
			v := rapid.Float64Range(1e-3, 10).Draw(t, "variance")
			seconds := rapid.Float64Range(0.1, 3).Draw(t, "seconds")
			largest = max(largest, z*z)
			got := a.add(z, v, seconds, memory, &k)
			if got < 0 || got > largest {
				t.Fatalf("%v is lacking, the largest surprise was %v", got, math.Sqrt(largest))
			}
			scaled := b.add(-z*scale, v*scale*scale, seconds, memory, &k)
			if !cmp.Equal(scaled, got*scale*scale, cmpopts.EquateApprox(1e-6, 1e-6*largest*scale*scale)) {
				t.Fatalf("%v is lacking of %v times as much, want %v", scaled, scale, got*scale*scale)
			}
		}
	})
}

// poll feeds a filter with what a backend of a log capacity completes in a second
// of so many requests, with Poisson's noise.
func poll(f *filter, pool *noise, rng *rand.Rand, truth, requests float64) {
	expected := requests * math.Exp(f.x)
	mean := requests * math.Exp(truth)
	pool.begin(1)
	f.update(max(0, mean+math.Sqrt(mean)*rng.NormFloat64()), expected, 0, 1, pool)
}

func TestFilterIsCalmUntilSomethingHappens(t *testing.T) {
	k := DefaultConstants()
	rng := rand.New(rand.NewPCG(3, 4))
	pool := newNoise(&k)
	f := newFilter(0, k.LatencyDrift, k.CapacitySpread, k.LatencyReopen, &k)
	const requests = 100
	for range 600 {
		poll(&f, &pool, rng, 0, requests)
	}
	squares, far := 0.0, 0.0
	const steps = 2000
	for range steps {
		poll(&f, &pool, rng, 0, requests)
		squares += f.x * f.x
		far = max(far, math.Abs(f.x))
	}
	// One that always drifts is off by 0.06 on average.
	if off := math.Sqrt(squares / steps); off > 0.04 {
		t.Errorf("steady: off by %.3f on average, at most %.3f", off, far)
	}
	if !f.calm(&k) {
		t.Errorf("steady: variance %.2g, which is not calm beside %.2g", f.v, f.quick)
	}
	const half = -math.Ln2
	took := 0
	for ; math.Abs(f.x-half) > 0.1 && took < 60; took++ {
		poll(&f, &pool, rng, half, requests)
	}
	if took > 12 {
		t.Errorf("took %d s to follow a halved capacity", took)
	}
	if f.calm(&k) {
		t.Error("calm while it follows a halved capacity")
	}
	for range 60 {
		poll(&f, &pool, rng, half, requests)
	}
	if !f.calm(&k) || math.Abs(f.x-half) > 0.1 {
		t.Errorf("a minute later: %.3f, want %.3f, calm %v", f.x, half, f.calm(&k))
	}
}

// However surprising what is seen, a filter is never opened further than it may be.
func TestFilterStaysWithinBounds(t *testing.T) {
	k := DefaultConstants()
	rapid.Check(t, func(t *rapid.T) {
		reopen := rapid.Float64Range(1, 4).Draw(t, "reopen")
		pool := newNoise(&k)
		f := newFilter(rapid.Float64Range(-maxLog, maxLog).Draw(t, "x"), k.LatencyDrift, k.CapacitySpread, reopen, &k)
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			pool.begin(1)
			before := f.v
			seconds := rapid.Float64Range(0.1, 10).Draw(t, "seconds")
			f.update(rapid.Float64Range(0, 1e4).Draw(t, "done"), rapid.Float64Range(0, 1e4).Draw(t, "expected"), 0, seconds, &pool)
			if !(f.v > 0) || !isNumber(f.x) || !isNumber(f.v) {
				t.Fatalf("x %v, variance %v", f.x, f.v)
			}
			if most := max(before, reopen*f.quick) + k.LatencyDrift*k.LatencyDrift*seconds; f.v > most {
				t.Fatalf("variance %v, which was %v, want at most %v", f.v, before, most)
			}
		}
	})
}
