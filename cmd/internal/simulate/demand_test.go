package simulate

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestDemandsHaveTheirMeans(t *testing.T) {
	const ms = time.Millisecond
	for name, test := range map[string]struct {
		demand     Demand
		work, wait float64 // in ms
	}{
		"log-normal": {LogNormal(20*ms, 1), 20, 0},
		"pareto":     {Pareto(10*ms, 3), 15, 0},
		"mixture":    {Mixture(Part{1, Constant(10 * ms)}, Part{3, Uniform(20*ms, 40*ms)}), 25, 0},
		"waiting":    {Waiting(Constant(10*ms), Part{0.3, Exponential(500 * ms)}, Part{0.2, Constant(100 * ms)}), 10, 170},
		"all wait":   {Waiting(Constant(10*ms), Part{1, Constant(100 * ms)}), 10, 100},
		"both waits": {WithWait(Waiting(Constant(10*ms), Part{1, Constant(100 * ms)}), 50*ms, 1), 10, 150},
		"video":      {Video(), 0.98*7.5 + 0.02*3000, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := stream(1, 1)
			var work, wait float64
			const n = 400_000
			for range n {
				a, b := test.demand.Draw(r, 0)
				work += a
				wait += b
			}
			if math.Abs(test.demand.Mean*1000/test.work-1) > 1e-9 {
				t.Errorf("mean %v ms, want %v", test.demand.Mean*1000, test.work)
			}
			if got := work / n * 1000; math.Abs(got/test.work-1) > 0.03 {
				t.Errorf("work %v ms, want %v", got, test.work)
			}
			if got := wait / n * 1000; math.Abs(got-test.wait) > 0.02*test.wait {
				t.Errorf("wait %v ms, want %v", got, test.wait)
			}
		})
	}
	if m := Pareto(time.Millisecond, 1).Mean; !math.IsInf(m, 1) {
		t.Errorf("mean of a shape of 1: %v, want none", m)
	}
}

func TestProfiles(t *testing.T) {
	points := []Point{{10 * time.Second, 1}, {20 * time.Second, 3}}
	for name, test := range map[string]struct {
		of   func(time.Duration) float64
		want []float64
	}{
		"steps": {Steps(points...), []float64{0, 1, 1, 3, 3}},
		"ramps": {Ramps(points...), []float64{1, 1, 2, 3, 3}},
		"level": {Level(2), []float64{2, 2, 2, 2, 2}},
	} {
		var got []float64
		for _, seconds := range []int{0, 10, 15, 20, 99} {
			got = append(got, test.of(time.Duration(seconds)*time.Second))
		}
		if diff := cmp.Diff(test.want, got, cmpopts.EquateApprox(1e-9, 0)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestSeveralStreamsOfRequests(t *testing.T) {
	s := short(time.Minute, 2, 0.3, pool(4, 4))
	alone := newTrace(&s, 1)
	s.Requests = []Requests{{Demand: Constant(time.Millisecond), Rate: Steps(Point{0, 100}, Point{30 * time.Second, 300})}}
	both := newTrace(&s, 1)
	var small int
	last := 0.0
	var rest []request
	for _, r := range both {
		if r.at < last {
			t.Fatalf("a request at %v after one at %v", r.at, last)
		}
		last = r.at
		if r.work == 0.001 {
			small++
		} else {
			rest = append(rest, r)
		}
	}
	if math.Abs(float64(small)/(200*60)-1) > 0.03 {
		t.Errorf("%d requests of the second stream, want about %d", small, 200*60)
	}
	if diff := cmp.Diff(alone, rest, cmp.AllowUnexported(request{})); diff != "" {
		t.Errorf("the first stream has changed (-alone +with another):\n%s", diff)
	}
	s.Load = nil
	if got := len(newTrace(&s, 1)); math.Abs(float64(got)/(200*60)-1) > 0.03 {
		t.Errorf("%d requests of a stream alone", got)
	}
}
