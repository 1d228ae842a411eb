package advice

import (
	"flag"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/cmd/internal/compile"
	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/observation"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

var update = flag.Bool("update", false, "rewrite the expected results")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s: -want +got (-update rewrites it):\n%s", name, diff)
	}
}

// truth is a scenario that is really there.
func truth(t *testing.T, text string) scenario.File {
	t.Helper()
	f, err := scenario.Parse("truth", []byte("name: truth\nduration: 240s\nwarmup: 60s\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// seenOf is what a trimtab that runs the scenario's pool sees of it. Plans of one that
// is not to apply them are not carried out.
func seenOf(t *testing.T, f scenario.File, c observation.Configured) observation.Document {
	t.Helper()
	var watch observation.Watch
	var pool *scorer.Pool
	proxy := compile.Proxy(f.Proxy)
	last := tuner.Snapshot{Targets: []tuner.TargetStatus{{Name: "target", InForce: scorer.InForce{Algorithm: proxy.Algorithm}}}}
	policy := simulate.PoolPolicy{
		Name: "watched",
		New: func(name string) (_ *scorer.Pool, err error) {
			pool, err = scorer.New(scorer.Config{Name: name, Law: c.Law})
			return pool, err
		},
		Watch: func(_ time.Duration, p scorer.Plan, r scorer.Rounded) {
			watch.Take(&p)
			last.Plan = p
			last.Targets[0].InForce.Shares = nil
			for i, d := range p.Decisions {
				last.Targets[0].InForce.Shares = append(last.Targets[0].InForce.Shares,
					scorer.Share{Backend: d.Backend, Weight: r.Shares[i], Applied: r.Weights[i]})
			}
		},
	}
	s := compile.Scenario(f)
	if _, err := simulate.One(t.Context(), &s, proxy, f.Seed, policy.Policy()); err != nil {
		t.Fatal(err)
	}
	return watch.Document(c, &last, pool.Learned())
}

// configured is a pool as most are, with one target.
func configured(target observation.Target) observation.Configured {
	if target.Plane != observation.PlaneEnvoy {
		target.Bias = status.Unknown()
	}
	return observation.Configured{Law: scorer.LawAuto, Apply: true, Targets: []observation.Target{target}}
}

func haproxy() observation.Configured {
	return configured(observation.Target{Plane: observation.PlaneHAProxy, Backend: "web"})
}

func envoy() observation.Configured {
	return configured(observation.Target{Plane: observation.PlaneEnvoy, Cluster: "web", Bias: 1})
}

// seenPool is a document of alike servers, without any simulation.
func seenPool(servers int, edit func(*observation.Document)) observation.Document {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	none := status.Unknown()
	d := observation.Document{
		Version: observation.Version, Pool: "web", At: &at, Seconds: 240, Kind: scorer.KindRequests,
		Mode: "active", Law: scorer.LawCapacity, LawConfigured: scorer.LawAuto, Apply: true, Proxies: 1,
		ByCounts: observation.Dispersion{Ratio: 4, Requests: 10_000}, ByReports: observation.Dispersion{Ratio: 60},
		Targets: []observation.Target{{Name: "haproxy:/s", Plane: observation.PlaneHAProxy, Algorithm: scorer.LeastConnections, Backend: "web", Bias: none}},
	}
	for i := range servers {
		d.Backends = append(d.Backends, observation.Backend{
			Name: "s" + string(rune('a'+i)), State: "ready", Configured: 1, Capacity: 1, Deviation: 0.05, WeightNow: 1,
			Applied:  map[string]int{"haproxy:/s": 100},
			InFlight: 3, RPS: 140, EPS: 0, LatencySeconds: 0.021, Utilization: none,
		})
	}
	if edit != nil {
		edit(&d)
	}
	return d
}

func near(got, want, within float64) bool { return math.Abs(got/want-1) <= within }
