package simulate

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trimtab-lb/trimtab/scorer"
)

// recorder keeps what a controller is told.
type recorder struct {
	Static
	steps   [][]Sample
	proxies []Sample // sums of what proxies saw of backend 0
}

func (r *recorder) Step(_ time.Duration, in []Sample) Steering {
	r.steps = append(r.steps, in)
	return Steering{Weights: r.Static}
}

func (r *recorder) ObserveProxy(_ time.Duration, _ int, in []Sample) {
	r.proxies = append(r.proxies, in[0])
}

func utilizations(r *recorder) (out []float64) {
	for _, in := range r.steps {
		out = append(out, in[0].Utilization)
	}
	return out
}

func TestReportsAreLateAndCanBeMissing(t *testing.T) {
	s := short(6*time.Second, 1, 0, pool(4))
	s.Backends[0].Condition = func(at time.Duration) Condition {
		c := Healthy()
		c.Taken = math.Ceil(at.Seconds()) / 2
		return c
	}
	nan := math.NaN()
	for _, test := range []struct {
		name    string
		reports *Reports
		want    []float64
	}{
		{"at once", &Reports{}, []float64{0.125, 0.25, 0.375, 0.5, 0.625}},
		{"late", &Reports{Late: 2}, []float64{nan, nan, 0.125, 0.25, 0.375}},
		{"missing", &Reports{Missing: 1}, []float64{nan, nan, nan, nan, nan}},
		{"own use only", &Reports{HideNeighbour: true}, []float64{0, 0, 0, 0, 0}},
		{"none", nil, []float64{nan, nan, nan, nan, nan}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.Reports = test.reports
			r := &recorder{Static: Static{100}}
			must(t, s, scorer.Random, 1, r)
			if diff := cmp.Diff(test.want, utilizations(r), cmpopts.EquateNaNs(), cmpopts.EquateApprox(1e-9, 0)); diff != "" {
				t.Errorf("utilization each second (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReportsNoise(t *testing.T) {
	s := short(10*time.Minute, 1, 0, pool(4))
	s.Backends[0].Condition = during(0, forever, func(c *Condition) { c.Taken = 2 })
	s.Reports = &Reports{Noise: 0.05}
	r := &recorder{Static: Static{100}}
	must(t, s, scorer.Random, 1, r)
	var sum, squares float64
	values := utilizations(r)
	for _, u := range values {
		sum += u - 0.5
		squares += (u - 0.5) * (u - 0.5)
	}
	n := float64(len(values))
	if mean, deviation := sum/n, math.Sqrt(squares/n); math.Abs(mean) > 0.005 || math.Abs(deviation/0.025-1) > 0.1 {
		t.Errorf("mean error %v, standard deviation %v; want 0 and 0.025", mean, deviation)
	}
}

// What proxies see in ticks adds up to what a step is told, and both to what
// happened.
func TestSamplesAddUp(t *testing.T) {
	s := short(20*time.Second, 3, 0.5, pool(4))
	r := &recorder{Static: Static{100}}
	result := must(t, s, scorer.LeastConnections, 1, r)
	var bySteps, byProxies, inFlight float64
	for _, in := range r.steps {
		bySteps += float64(in[0].Completed)
		inFlight += in[0].InFlight
	}
	perStep := ticksPerStep * s.Proxies
	var proxiesInFlight float64
	for i, p := range r.proxies {
		if i < len(r.steps)*perStep {
			byProxies += float64(p.Completed)
			proxiesInFlight += p.InFlight
		}
	}
	if bySteps != byProxies || bySteps > float64(result.Requests) {
		t.Errorf("completed: steps %v, proxies %v, of %d", bySteps, byProxies, result.Requests)
	}
	if math.Abs(inFlight-proxiesInFlight/ticksPerStep) > 1e-9 {
		t.Errorf("in flight: steps %v, proxies %v", inFlight, proxiesInFlight/ticksPerStep)
	}
	// Little's law.
	if got, want := inFlight/float64(len(r.steps)), float64(result.Requests)/20*result.Mean.Seconds(); math.Abs(got/want-1) > 0.1 {
		t.Errorf("mean in flight %v, want rate × latency = %v", got, want)
	}
}
