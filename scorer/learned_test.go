package scorer

import (
	"math"
	"testing"
)

func TestLearnedIsWhatWeightsComeFrom(t *testing.T) {
	capacity := map[string]float64{"s0": 400, "s1": 400, "s2": 200, "s3": 200}
	r := newRig(t, Config{Kind: KindRequests}, equalBackends(4)...)
	if l := r.pool.Learned(); len(l.Backends) != 4 || l.Proxies != 0 || !math.IsNaN(l.Backends[0].Capacity) || l.ByCounts.Requests != 0 {
		t.Errorf("before the first step: %+v", l)
	}
	for range 200 {
		r.step(physics(r.plan, capacity, 700))
	}
	l := r.pool.Learned()
	if l.Proxies != 1 || l.ByCounts.Requests < 1000 || !(l.ByCounts.Ratio > 0) || l.ByReports.Requests != 0 {
		t.Errorf("learned %+v", l)
	}
	for i, b := range l.Backends {
		if want := capacity[b.Backend] / 300; math.Abs(b.Capacity/want-1) > 0.15 || b.Configured != 1 || b.Reported || !(b.Deviation > 0) {
			t.Errorf("backend %d: %+v, want a capacity of %.2f", i, b, want)
		}
	}
}

func TestNothingIsLearnedUnderAnotherLaw(t *testing.T) {
	r := newRig(t, Config{Law: LawStatic}, equalBackends(2)...)
	for range 20 {
		r.step(physics(r.plan, map[string]float64{"s0": 400, "s1": 100}, 100))
	}
	for _, b := range r.pool.Learned().Backends {
		if !math.IsNaN(b.Capacity) || !math.IsNaN(b.Deviation) || b.Configured != 1 {
			t.Errorf("%+v", b)
		}
	}
}
