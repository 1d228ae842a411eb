package realrun

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/load"
)

// agreement is how far a real run may be from the simulation of the same trace.
type agreement struct {
	// p99 is relative. p50 is of the time in backends: the simulation has no
	// network, no proxy and no timers.
	p99 float64
	p50 time.Duration
}

// compared runs a scenario for real, until it counts or has been tried often
// enough, simulates it, and tells how far they are apart.
func compared(t *testing.T, o Options, within func(policy string) agreement) {
	t.Helper()
	var real Outcome
	for attempt := 1; ; attempt++ {
		if real = ran(t, o); real.Valid {
			break
		}
		t.Logf("INVALID: %s", strings.Join(real.Invalid, "; "))
		if attempt == load.Attempts {
			t.Skip("this machine is too busy to measure on, so that nothing is shown")
		}
	}
	verdicts, err := simulate.Play(t.Context(), []simulate.Match{
		{Scenario: o.Scenario, Proxy: o.Proxy, Seeds: o.Seeds, Policies: o.Policies},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	simulated := simulate.Summarize(verdicts[0])[0]
	t.Logf("%s: %-12s %27s %35s %20s", o.Scenario.Name, "policy", "p50 simulated, real, served", "p99 simulated, real", "errors")
	for _, p := range o.Policies {
		r, s := figures(t, real.Summary, p.Name), figures(t, simulated, p.Name)
		p50, p99 := ms(runOf(t, &real, p.Name).Served.P50)-s.P50, r.P99/s.P99-1
		t.Logf("%s: %-12s %9.2f %8.2f %+7.2f ms %12.1f %8.1f ms %+6.1f %% %10.2f %6.2f %%",
			o.Scenario.Name, p.Name, s.P50, r.P50, p50, s.P99, r.P99, 100*p99, 100*s.Errors, 100*r.Errors)
		want := within(p.Name)
		if math.Abs(p99) > want.p99 {
			t.Errorf("%s: p99 is %.1f ms, %.1f ms in simulation: more than %.0f %% apart", p.Name, r.P99, s.P99, 100*want.p99)
		}
		if math.Abs(p50) > ms(want.p50) {
			t.Errorf("%s: p50 in backends is %+.2f ms from the simulation's %.2f ms: more than %v", p.Name, p50, s.P50, want.p50)
		}
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// The short form looks whether they tell of the same thing at all.
func TestAgreesWithTheSimulation(t *testing.T) {
	for _, file := range []string{"haproxy-leastconn", "haproxy-websockets", "envoy-mixed"} {
		t.Run(file, func(t *testing.T) {
			o := parsed(t, read(t, file))
			o.Policies = []simulate.Policy{simulate.Equal(), simulate.Omniscient()}
			o.Scenario.Warmup, o.Scenario.Duration = 3*time.Second, 13*time.Second
			compared(t, o, func(policy string) agreement {
				if o.Proxy.Kind == simulate.KindEnvoy {
					// Envoy draws its choices itself, and ten of the thousand requests of ten
					// seconds make the p99: that of eight real runs lay from the simulated
					// one to 30 % above it (equal weights), and from 20 % below to 1 % above.
					return agreement{p99: 0.6, p50: 5 * time.Millisecond}
				}
				return agreement{p99: 0.2, p50: 5 * time.Millisecond}
			})
		})
	}
}

// What trimtab does depends on what it saw, Envoy's choices among equal weights are
// drawn by itself, and which backend a connection goes to is decided by a hair, once
// and for long: these are never twice the same. On its own, that moves the simulated
// p99 of this test by up to 5 %, and that of three real runs with connections lay
// within 6.4 % (equal weights).
//
// It takes seven minutes: `make judge-real` runs it.
func TestWholeAgreesWithTheSimulation(t *testing.T) {
	if os.Getenv("TRIMTAB_WHOLE") == "" {
		t.Skip("TRIMTAB_WHOLE=1 runs the whole form of TestAgreesWithTheSimulation")
	}
	for file, p99 := range map[string]float64{
		"haproxy-leastconn": 0.05, "haproxy-events": 0.05, "haproxy-websockets": 0.05, "envoy-least-request": 0.07, "envoy-mixed": 0.07,
	} {
		t.Run(file, func(t *testing.T) {
			o := parsed(t, read(t, file))
			compared(t, o, func(policy string) agreement {
				want := agreement{p99: p99, p50: time.Millisecond}
				if policy != simulate.Omniscient().Name && (policy == simulate.Trimtab().Name || o.Proxy.Kind == simulate.KindEnvoy || len(o.Scenario.Sockets) > 0) {
					want = agreement{p99: 2 * p99, p50: 2 * time.Millisecond}
				}
				return want
			})
		})
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
