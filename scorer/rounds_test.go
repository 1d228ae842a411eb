package scorer

import (
	"fmt"
	"math"
	"testing"
)

// Where a proxy goes through all backends many times a second weights move when
// they should; where that takes long, they move together and seldom.
func TestLargePoolsMoveTogether(t *testing.T) {
	for name, test := range map[string]struct {
		algorithm Algorithm
		rate      float64 // requests a second for each backend
		low, high int
	}{
		"many requests":          {RoundRobin, 100, 20, 60},
		"few requests":           {RoundRobin, 1.25, 10, 13},
		"hardly any":             {RoundRobin, 0.6, 5, 8},
		"few, by work in flight": {LeastConnections, 1.25, 20, 60},
	} {
		t.Run(name, func(t *testing.T) {
			var backends []Backend
			for i := range 20 {
				backends = append(backends, Backend{Name: fmt.Sprintf("s%02d", i)})
			}
			r := newRig(t, Config{}, backends...)
			r.algorithm = test.algorithm
			moved := 0
			for second := range 120 {
				counts := map[string]seen{}
				var own []Report
				for i, b := range backends {
					counts[b.Name] = seen{inFlight: 3, completed: test.rate}
					report := NewReport(b.Name, "orca", r.now)
					// A capacity that goes up and down by a factor of four.
					report.Utilization = 0.4 * math.Exp(math.Sin(float64(second)/5+float64(i)))
					own = append(own, report)
				}
				before := weightsOf(r.plan)
				r.step(counts, own...)
				if second >= 60 && weightsOf(r.plan) != before {
					moved++
				}
			}
			if moved < test.low || moved > test.high {
				t.Errorf("weights moved in %d of 60 steps, want %d to %d", moved, test.low, test.high)
			}
		})
	}
}

func weightsOf(p Plan) string {
	out := ""
	for _, d := range p.Decisions {
		out += fmt.Sprintf(" %.6f", d.Weight)
	}
	return out
}
