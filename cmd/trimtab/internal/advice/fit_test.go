package advice

import (
	"math"
	"testing"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/observation"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/scorer"
)

const (
	// unequal has 26 cores at 70 %, and requests of 20 ms.
	unequal = `
backends: [{name: big, count: 2, cores: 8}, {name: mid, count: 2, cores: 4}, {name: small, cores: 2}]
traffic: [{kind: requests, utilization: 0.7, demand: {exp: 20ms}}]
`
	// video has 16 cores and heavy requests among light ones: a squared variation of 56.
	video = `
backends: [{name: s, count: 2, cores: 4}, {name: big, cores: 8}]
traffic:
  - kind: requests
    utilization: 0.7
    demand: [{share: 0.98, uniform: [5ms, 10ms]}, {share: 0.02, shifted_exp: {min: 1s, mean: 3s}}]
`
	// small are servers of one core.
	small = `
backends: [{name: s, count: 6, cores: 1}]
traffic: [{kind: requests, utilization: 0.7, demand: {exp: 20ms}}]
`
	alike = `
backends: [{name: s, count: 4, cores: 4}]
traffic: [{kind: requests, utilization: 0.6, demand: {uniform: [19ms, 21ms]}}]
`
)

// What a pool is simulated with is what it really is.
func TestMeasuredCoresAndDemandAreFound(t *testing.T) {
	for _, test := range []struct {
		name, text string
		configured observation.Configured
		// given is what a person says the utilization is, where it is not reported.
		given                         float64
		cores, demand                 float64
		leastVariation, mostVariation float64
	}{
		{"unequal", unequal, haproxy(), 0, 26, 0.020, 0.3, 3},
		{"unequal, many proxies", "proxies: 16" + unequal, haproxy(), 0, 26, 0.020, 0.3, 3},
		{"unequal, nothing reported", "reports: none" + unequal, haproxy(), 0.7, 26, 0.020, 1, 1},
		{"unequal, many proxies, nothing reported", "proxies: 8\nreports: none" + unequal, haproxy(), 0.7, 26, 0.020, 1, 1},
		{"unequal behind Envoy", "proxy: {kind: envoy}" + unequal, envoy(), 0, 26, 0.020, 0.3, 3},
		{"video", video, haproxy(), 0, 16, 0.0674, 10, 64},
		{"alike", alike, haproxy(), 0, 16, 0.020, 0, 0.4},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := seenOf(t, truth(t, test.text), test.configured)
			p := poolOf(d)
			models, err := p.fit(t.Context(), groupsOf(d)[0], test.given)
			if err != nil || len(models) != 1 {
				t.Fatalf("models %+v, %v", models, err)
			}
			m := models[0]
			t.Logf("%.1f cores, %.2f ms, variation %.2f, strengths %.2f", m.cores, 1000*p.demand(m), m.variation, m.strengths)
			if !near(m.cores, test.cores, 0.12) || !near(p.demand(m), test.demand, 0.15) {
				t.Errorf("%.1f cores and demand of %.1f ms, want %.1f and %.1f", m.cores, 1000*p.demand(m), test.cores, 1000*test.demand)
			}
			if m.variation < test.leastVariation || m.variation > test.mostVariation {
				t.Errorf("variation %.2f, want %.2f to %.2f", m.variation, test.leastVariation, test.mostVariation)
			}
		})
	}
}

func TestUtilizationsThatAreTried(t *testing.T) {
	for _, test := range []struct {
		name     string
		inFlight float64 // of each server
		given    float64
		reported float64
		want     []float64
		assumed  bool
	}{
		{"unknown", 3, 0, math.NaN(), []float64{0.5, 0.7, 0.85}, true},
		{"reported", 3, 0, 0.4, []float64{0.4}, false},
		{"reported counts more than what is said", 3, 0.6, 0.4, []float64{0.4}, false},
		{"said", 3, 0.6, math.NaN(), []float64{0.6}, false},
		{"less than a core's worth in flight", 0.6, 0, math.NaN(), []float64{0.5}, true},
		{"next to nothing in flight", 0.1, 0, math.NaN(), []float64{0.1}, true},
		{"reported and impossible", 0.1, 0, 0.4, []float64{0.1}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := seenPool(4, func(d *observation.Document) {
				d.ByCounts.Requests = 0
				for i := range d.Backends {
					b := &d.Backends[i]
					b.InFlight = status.Number(test.inFlight)
					b.Utilization = status.Number(test.reported)
				}
			})
			p := poolOf(d)
			models, err := p.fit(t.Context(), groupsOf(d)[0], test.given)
			if err != nil || len(models) != len(test.want) {
				t.Fatalf("models %+v, %v, want %v", models, err, test.want)
			}
			for i, m := range models {
				if !near(m.utilization, test.want[i], 1e-6) || m.assumed != test.assumed || !(m.cores > 0) || !m.guessed {
					t.Errorf("model %+v, want a utilization of %v", m, test.want[i])
				}
				if seconds, err := p.responseIn(t.Context(), groupsOf(d)[0], m); err != nil || !near(seconds, p.response, 0.1) {
					t.Errorf("at %.0f %% requests take %.2f ms in simulation, %v; seen were %.2f ms", 100*m.utilization, 1000*seconds, err, 1000*p.response)
				}
			}
		})
	}
}

// Where weights do nothing, learning runs on; what a server completes it can do.
func TestNoServerIsWeakerThanWhatItCompletes(t *testing.T) {
	d := seenPool(3, func(d *observation.Document) {
		for i, c := range []float64{2.8, 0.15, 0.05} {
			d.Backends[i].Capacity = status.Number(c)
		}
		d.Backends[0].RPS, d.Backends[1].RPS, d.Backends[2].RPS = 200, 150, 70
	})
	p := poolOf(d)
	got, sum := p.strengths(0.7), 0.0
	for i, s := range got {
		sum += s
		if used := 0.7 * p.servers[i].rate / p.rate * 3 / s; used > busiestServer+1e-9 {
			t.Errorf("strengths %v: server %d would be %.0f %% busy", got, i, 100*used)
		}
	}
	if !near(sum, 3, 1e-9) || !(got[0] > got[1] && got[1] > got[2]) {
		t.Errorf("strengths %v: want a sum of 3 in the same order", got)
	}
}

func TestVariationIsReadOff(t *testing.T) {
	tried := variations()
	logs := func() []float64 { return []float64{-0.7, -0.2, 0.4, 1.4, 2.2, 3} }
	for _, test := range []struct {
		seen      float64
		want      float64
		unknowing bool
	}{
		{-2, 0, false}, {-0.7, 0, false}, {0.3, 1, false}, {0.6, 1, false}, {1.4, 4, false}, {9, 64, false},
	} {
		if got, guessed := variationAt(test.seen, tried, logs(), math.Log(sameDispersion)); !near(got+1, test.want+1, 0.02) || guessed != test.unknowing {
			t.Errorf("at %v: %v %v, want %v", test.seen, got, guessed, test.want)
		}
	}
	if got, guessed := variationAt(5, tried, []float64{1, 1.1, 1.05, 1.2, 1.2, 1.3}, math.Log(sameDispersion)); got != 1 || !guessed {
		t.Errorf("of measures that tell nothing: %v %v", got, guessed)
	}
}

func TestDemandHasTheMeanAndVariation(t *testing.T) {
	for _, variation := range []float64{0, 0.3, 1, 4, 64} {
		mix := demandOf(0.02, variation)
		if got := mix.Mean().Seconds(); !near(got, 0.02, 1e-4) {
			t.Errorf("variation %v: mean %v", variation, got)
		}
		if shape(variation) == "" {
			t.Errorf("variation %v has no name", variation)
		}
	}
}

func TestCapacitiesAreTakenFromWhoKnows(t *testing.T) {
	weak := func(d *observation.Document) {
		for i := range d.Backends {
			d.Backends[i].Capacity, d.Backends[i].Utilization = 1, 0.5
		}
		d.Backends[0].Utilization, d.Backends[0].Capacity = 1, 3
	}
	for _, test := range []struct {
		name string
		edit func(*observation.Document)
		// want is of the first server of two, over the second's.
		want    float64
		learned bool
	}{
		{"the law", weak, 3, true},
		{"reports, where weights do nothing", func(d *observation.Document) { weak(d); d.Proxies = 10 }, 0.5, true},
		{"reports, where no law learns", func(d *observation.Document) {
			weak(d)
			for i := range d.Backends {
				d.Backends[i].Capacity = status.Number(math.NaN())
			}
		}, 0.5, true},
		{"the configuration, where nobody knows", func(d *observation.Document) {
			for i := range d.Backends {
				d.Backends[i].Capacity = status.Number(math.NaN())
				d.Backends[i].Configured = status.Number(float64(8 - 4*i))
			}
			d.Law, d.LawConfigured = scorer.LawStatic, scorer.LawStatic
		}, 2, false},
	} {
		p := poolOf(seenPool(2, test.edit))
		if got := p.servers[0].capacity / p.servers[1].capacity; !near(got, test.want, 1e-9) || p.learned != test.learned {
			t.Errorf("%s: %v, learned %v, want %v", test.name, got, p.learned, test.want)
		}
	}
}
