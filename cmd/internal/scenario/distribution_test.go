package scenario

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestSampleHasTheMean(t *testing.T) {
	const n = 400_000
	for name, test := range map[string]struct {
		of   Mix
		mean time.Duration
	}{
		"const":          {Mix{{1, Distribution{Const: new(time.Second)}}}, time.Second},
		"uniform":        {Mix{{1, Distribution{Uniform: &Span{time.Second, 3 * time.Second}}}}, 2 * time.Second},
		"exp":            {Mix{{1, Distribution{Exp: time.Second}}}, time.Second},
		"lognormal":      {Mix{{1, Distribution{Lognormal: &Lognormal{time.Second, 5 * time.Second}}}}, 1270 * time.Millisecond},
		"pareto":         {Mix{{1, Distribution{Pareto: &Pareto{Min: time.Second, Shape: 3}}}}, 1500 * time.Millisecond},
		"bounded pareto": {Mix{{1, Distribution{Pareto: &Pareto{time.Second, 1.5, 10 * time.Second}}}}, 2118 * time.Millisecond},
		"pareto of 1":    {Mix{{1, Distribution{Pareto: &Pareto{time.Second, 1, 10 * time.Second}}}}, 2558 * time.Millisecond},
		"shifted":        {Mix{{1, Distribution{ShiftedExp: &ShiftedExp{time.Second, 3 * time.Second}}}}, 3 * time.Second},
		"mix": {Mix{
			{0.25, Distribution{Exp: time.Second}}, {0.5, Distribution{Const: new(2 * time.Second)}},
		}, 1250 * time.Millisecond},
		"nothing": {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.of.Mean(); (got - test.mean).Abs() > time.Millisecond {
				t.Errorf("mean is %v, want %v", got, test.mean)
			}
			r := rand.New(rand.NewPCG(1, 2))
			sum := 0.0
			for range n {
				sum += test.of.Sample(r).Seconds()
			}
			if got := sum / n; math.Abs(got-test.mean.Seconds()) > 0.02*test.mean.Seconds() {
				t.Errorf("mean of samples is %v s, want %v", got, test.mean)
			}
		})
	}
}

func TestSampleHasTheQuantiles(t *testing.T) {
	const n = 200_000
	d := Distribution{Lognormal: &Lognormal{10 * time.Millisecond, 200 * time.Millisecond}}
	r := rand.New(rand.NewPCG(1, 2))
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = d.Sample(r)
	}
	slices.Sort(all)
	for _, q := range []struct {
		at   float64
		want time.Duration
	}{{0.5, 10 * time.Millisecond}, {0.99, 200 * time.Millisecond}} {
		if got := all[int(q.at*n)]; math.Abs(got.Seconds()/q.want.Seconds()-1) > 0.05 {
			t.Errorf("the %v quantile is %v, want %v", q.at, got, q.want)
		}
	}
}

func TestTailsEnd(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, d := range map[string]Distribution{
		"lognormal": {Lognormal: &Lognormal{time.Nanosecond, 168 * time.Hour}},
		"pareto":    {Pareto: &Pareto{Min: 168 * time.Hour, Shape: 1.0001}},
	} {
		for range 10_000 {
			if got := d.Sample(r); got < 0 || got > longest {
				t.Fatalf("%s: %v", name, got)
			}
		}
		if got := d.Mean(); got <= 0 || got > longest {
			t.Errorf("%s: mean %v", name, got)
		}
	}
}
