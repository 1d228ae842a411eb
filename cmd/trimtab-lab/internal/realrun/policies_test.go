package realrun

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/stack"
	"github.com/trimtab-lb/trimtab/scorer"
	envoyinstance "github.com/trimtab-lb/trimtab/xds/instance"
)

// Everything that can happen to a backend happens, and every kind of giver of
// weights gives some.
const eventful = `
name: eventful
warmup: 2s
duration: 12s
proxies: 2
proxy: {kind: KIND}
backends:
  - {name: a, cores: 4}
  - {name: b, cores: 4, neighbour_cores: 2, neighbour_reported: true}
  - {name: c, cores: 1, distance: 3ms, capacity_hint: 1}
  - {name: d, cores: 2, joins_at: 4s, cold: {for: 1s, speed: 0.5}}
  - {name: e, cores: 2, leaves_at: 9s}
reports: {period: 1s, delay: 200ms}
traffic:
  - {kind: requests, rate: 60/s, demand: {exp: 40ms}, wait: [{share: 0.3, exp: 30ms}]}
events:
  - {at: 6s, backend: a, restart: {down: 1s}}
  - {at: 8s, backend: b, weight: 2}
  - {at: 9s, backend: b, error_rate: 0.1}
policies: [truth, a58, trimtab, OWN]
`

func TestGivesWeightsInEveryWay(t *testing.T) {
	for kind, own := range map[string]string{"haproxy": "agent-check", "envoy": "orca"} {
		t.Run(kind, func(t *testing.T) {
			o := parsed(t, strings.NewReplacer("KIND", kind, "OWN", own).Replace(eventful))
			o.AtOnce = 5
			out := ran(t, o)
			if out.Run != kind || out.Seeds != 1 || out.Valid != (len(out.Invalid) == 0) || len(out.Runs) != 5 {
				t.Errorf("%+v", out)
			}
			for _, p := range []string{"truth", "a58", "trimtab", own} {
				f := figures(t, out.Summary, p)
				if f == nil {
					t.Errorf("%s: no figures", p)
					continue
				}
				// The restart costs what is in flight, and a tenth of b's fail.
				if f.P50 <= 0 || f.P99 < f.P50 || f.Errors > 0.1 || f.Imbalance < 1 || f.ConnectionsMaxMean < 1 {
					t.Errorf("%s: %+v", p, f)
				}
				if f.WeightChanges == 0 && p != "trimtab" {
					t.Errorf("%s has changed no weight", p)
				}
			}
		})
	}
}

func TestEnvoyTakesEveryAlgorithm(t *testing.T) {
	_, err := envoyinstance.Find()
	needed(t, err)
	bias := 1.5
	for name, text := range map[string]string{
		"least request": balancing(simulate.Proxy{Algorithm: scorer.LeastRequest}),
		"choices":       balancing(simulate.Proxy{Algorithm: scorer.LeastRequest, Choices: 4, Bias: &bias}),
		"full scan":     balancing(simulate.Proxy{Algorithm: scorer.LeastRequest, FullScan: true}),
		"round robin":   balancing(simulate.Proxy{Algorithm: scorer.RoundRobin}),
		"by reports":    byReports(),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			s, err := stack.StartEnvoy(ctx, stack.EnvoyOptions{
				Backends: []backend.Config{{Cores: 1}, {Cores: 1}}, Balancing: text, Steered: true, HealthCheck: true,
			})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}()
			response, err := http.Get(s.URL())
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
			if response.StatusCode != http.StatusOK {
				t.Errorf("status %d", response.StatusCode)
			}
		})
	}
}

// Whoever stops a run gets what was started stopped.
func TestStopsWhenItIsTold(t *testing.T) {
	o := parsed(t, strings.NewReplacer("KIND", "haproxy", "OWN", "agent-check", "trimtab, ", "", "duration: 12s", "duration: 5m").Replace(eventful))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	begun := time.Now()
	if _, err := Run(ctx, o); err == nil {
		t.Error("a run that was stopped has a result")
	}
	if took := time.Since(begun); took > time.Minute {
		t.Errorf("it took %v to stop", took)
	}
}
