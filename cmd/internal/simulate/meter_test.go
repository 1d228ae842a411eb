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
		out = append(out, in[0].Report.Utilization)
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
		{"late", &Reports{Delay: 2 * time.Second}, []float64{nan, nan, 0.125, 0.25, 0.375}},
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

func TestReportModes(t *testing.T) {
	s := short(8*time.Second, 1, 0, pool(4))
	s.Reports = &Reports{}
	nan := math.NaN()
	busy := func(at time.Duration, c *Condition) { c.Taken = math.Ceil(at.Seconds()) / 4 }
	true8 := []float64{1. / 16, 2. / 16, 3. / 16, 4. / 16, 5. / 16, 6. / 16, 7. / 16}
	for name, test := range map[string]struct {
		change func(*Condition)
		want   []float64 // from the third on
	}{
		"true":       {func(*Condition) {}, true8},
		"stop":       {func(c *Condition) { c.Report = ReportStop }, []float64{true8[0], true8[1], nan, nan, nan, true8[5], true8[6]}},
		"zero":       {func(c *Condition) { c.Report = ReportZero }, []float64{true8[0], true8[1], 0, 0, 0, true8[5], true8[6]}},
		"full":       {func(c *Condition) { c.Report = ReportFull }, []float64{true8[0], true8[1], 1, 1, 1, true8[5], true8[6]}},
		"frozen":     {func(c *Condition) { c.Report = ReportFrozen }, []float64{true8[0], true8[1], true8[1], true8[1], true8[1], true8[5], true8[6]}},
		"scaled":     {func(c *Condition) { c.Claim = 0.5 }, []float64{true8[0], true8[1], true8[2] / 2, true8[3] / 2, true8[4] / 2, true8[5], true8[6]}},
		"half cores": {func(c *Condition) { c.Cores = 0.5 }, []float64{true8[0], true8[1], true8[2] * 2, true8[3] * 2, true8[4] * 2, true8[5], true8[6]}},
		"hanging":    {func(c *Condition) { c.Hanging = true }, []float64{true8[0], true8[1], nan, nan, nan, true8[5], true8[6]}},
	} {
		t.Run(name, func(t *testing.T) {
			s.Backends[0].Condition = func(at time.Duration) Condition {
				c := Healthy()
				busy(at, &c)
				if at > 2*time.Second && at <= 5*time.Second {
					test.change(&c)
				}
				return c
			}
			r := &recorder{Static: Static{100}}
			must(t, s, scorer.Random, 1, r)
			if diff := cmp.Diff(test.want, utilizations(r), cmpopts.EquateNaNs(), cmpopts.EquateApprox(1e-9, 0)); diff != "" {
				t.Errorf("utilization each second (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReportsPeriod(t *testing.T) {
	s := short(10*time.Second, 1, 0.5, pool(4))
	s.Demand = constant(time.Millisecond)
	s.Reports = &Reports{Period: 3 * time.Second, Delay: 300 * time.Millisecond}
	r := &recorder{Static: Static{100}}
	must(t, s, scorer.Random, 1, r)
	for second, in := range r.steps {
		l := in[0].Report
		// Sent after 3, 6 and 9 s, under way for two ticks.
		if arrived := (second+1)%3 == 1 && second > 0; arrived == math.IsNaN(l.Utilization) {
			t.Errorf("after %d s: %+v", second+1, l)
		} else if arrived && (math.Abs(l.Completed/2000-1) > 0.05 || math.Abs(l.Utilization-0.5) > 0.03 || l.Failed != 0) {
			t.Errorf("after %d s: %+v, want about 2,000 requests a second and a half in use", second+1, l)
		}
	}
}
