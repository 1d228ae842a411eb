package simulate

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/scorer"
)

func TestSummary(t *testing.T) {
	ms := func(p99 int, after time.Duration) Result {
		d := time.Duration(p99) * time.Millisecond
		return Result{
			Requests: 1000, Failed: 100, Refused: 10, Mean: d / 8, P50: d / 10, P90: d / 2, P99: d, P999: 2 * d,
			Imbalance: 1.25, ConnectionsMaxMean: 1.5, PushRate: 0.5, Shed: 33, ClientsLost: 1,
			Held:        Held{Peak: 200, PeakMaxMean: 1.75, PeakMaxMin: 30, EndMaxMean: 1.5, Least: 30},
			Convergence: []Convergence{{At: time.Minute, Backends: []string{"a"}, After: after}},
		}
	}
	proxy := Proxy{Kind: KindHAProxy, Algorithm: scorer.LeastConnections}
	oracle := []Result{ms(100, 0), ms(100, 0), ms(100, 0)}
	got, err := json.MarshalIndent(Summarize([]Verdict{
		{Scenario: "video", Proxy: proxy, Policy: "trimtab", Clients: true, Oracle: oracle, Results: []Result{ms(110, time.Second), ms(100, 3*time.Second), ms(140, -1)}},
		{Scenario: "video", Proxy: proxy, Policy: "orca", Oracle: oracle, NotApplicable: "only Envoy"},
		{Scenario: "other", Proxy: proxy, Policy: "never", Oracle: oracle[:1], Results: []Result{{Convergence: []Convergence{{After: -1}}}}},
	}), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want := `[
  {
    "scenario": "video",
    "run": "simulate",
    "proxy": "haproxy/leastconn",
    "seeds": 3,
    "valid": true,
    "policies": [
      {
        "name": "trimtab",
        "p50_ms": 11,
        "p90_ms": 55,
        "p99_ms": 110,
        "p999_ms": 220,
        "mean_ms": 13.75,
        "errors": 0.1,
        "refused": 0.01,
        "imbalance": 1.25,
        "connections_max_mean": 1.5,
        "connections_shed": 33,
        "connections_peak": 200,
        "connections_peak_max_mean": 1.75,
        "connections_peak_max_min": 30,
        "connections_end_max_mean": 1.5,
        "connections_least": 30,
        "connections_shed_over_least": 1.1,
        "clients_lost": 1,
        "weight_changes_per_minute": 0.5,
        "regret": 1.1,
        "regret_worst": 1.4,
        "convergence": [
          {
            "at_s": 60,
            "backends": [
              "a"
            ],
            "after_s": 3
          }
        ]
      },
      {
        "name": "orca",
        "not_applicable": "only Envoy"
      }
    ]
  },
  {
    "scenario": "other",
    "run": "simulate",
    "proxy": "haproxy/leastconn",
    "seeds": 1,
    "valid": true,
    "policies": [
      {
        "name": "never",
        "p50_ms": 0,
        "p90_ms": 0,
        "p99_ms": 0,
        "p999_ms": 0,
        "mean_ms": 0,
        "errors": 0,
        "refused": 0,
        "imbalance": 0,
        "connections_max_mean": 0,
        "connections_peak": 0,
        "connections_peak_max_mean": 0,
        "connections_peak_max_min": 0,
        "connections_end_max_mean": 0,
        "weight_changes_per_minute": 0,
        "regret": 0,
        "regret_worst": 0,
        "convergence": [
          {
            "at_s": 0,
            "backends": null,
            "after_s": null
          }
        ]
      }
    ]
  }
]`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

// The regret of a pool of connections is that of its imbalance.
func TestRegretOfConnections(t *testing.T) {
	s := sockets(30*time.Second, pool(4, 4), Sockets{
		Clients: 200, Lifetime: ExponentialSpan(5 * time.Second), Reconnect: ExponentialSpan(time.Second),
		Message: Message{Every: 100 * time.Millisecond, Demand: constant(time.Millisecond)},
	})
	s.Backends[0].Weight = 3
	verdicts := judged(t, s, Proxy{}, []uint64{1, 2, 3}, Omniscient(), Equal())
	regret := *Summarize(verdicts)[0].Policies[1].Regret
	if want := verdicts[1].Results[0].Imbalance / verdicts[1].Oracle[0].Imbalance; regret < 1.3 || regret/want > 1.1 || want/regret > 1.1 {
		t.Errorf("regret %.3f, of the first seed %.3f; want about 1.5", regret, want)
	}
	if got := *Summarize(verdicts)[0].Policies[0].Regret; got != 1 {
		t.Errorf("the omniscient's own regret is %v", got)
	}
}
