package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/source"
)

func parse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func fixture(t *testing.T, name string) *Config {
	t.Helper()
	c, err := Load(filepath.Join(testdata, name))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestScorer(t *testing.T) {
	got := fixture(t, "good-full.yaml").Pools[0].Scorer()
	want := scorer.Config{
		Name: "ws", Kind: scorer.KindConnections, Law: scorer.LawCapacity, DryRun: true,
		Limits: scorer.Limits{
			Floor: 0.1, Ceiling: 10, Step: 0.25, StaleAfter: 15 * time.Second,
			// The file switches these off; 0 would mean the default.
			Deadband: got.Limits.Deadband, SlowStart: -1, MaxEjected: -1,
		},
		Score: scorer.ScoreConfig{
			Coefficients: map[string]float64{"connections": 1, "cpu": 2, "queue": 0.5}, Window: 20 * time.Second,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Scorer() (-want +got):\n%s", diff)
	}
	if d := got.Limits.Deadband; d <= 0 || d > 1e-300 {
		t.Errorf("deadband 0 becomes %v, want next to nothing, but not the default", d)
	}
}

func TestScorerBackends(t *testing.T) {
	c := fixture(t, "good-full.yaml")
	want := []scorer.Backend{
		{Name: "ws1", Address: "10.0.0.1:8080", Capacity: 8},
		{Name: "ws2", Address: "[2001:db8::2]:8080", Capacity: 4.5},
	}
	if diff := cmp.Diff(want, c.Pools[0].ScorerBackends()); diff != "" {
		t.Errorf("ScorerBackends() (-want +got):\n%s", diff)
	}
	if got := c.Pools[1].ScorerBackends(); got != nil {
		t.Errorf("ScorerBackends() of a pool that is discovered = %v, want nil", got)
	}
}

func TestLoadSources(t *testing.T) {
	load := fixture(t, "good-full.yaml").Pools[0].Load
	wantHTTP := source.Options{URL: "http://{address}/load", Period: 2 * time.Second, Timeout: 750 * time.Millisecond}
	if diff := cmp.Diff(wantHTTP, load[0].HTTP.Source()); diff != "" {
		t.Errorf("http (-want +got):\n%s", diff)
	}
	wantPage := source.Options{URL: "http://{host}:9100/metrics", Period: time.Second, Timeout: 500 * time.Millisecond}
	if diff := cmp.Diff(wantPage, load[1].Prometheus.Source()); diff != "" {
		t.Errorf("prometheus (-want +got):\n%s", diff)
	}
	wantMetrics := source.Metrics{CPU: `cpu_utilization{mode="busy"}`, Named: map[string]string{"queue": "jobs_waiting"}}
	if diff := cmp.Diff(wantMetrics, load[1].Prometheus.Metrics()); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	if _, err := source.NewPrometheus(load[1].Prometheus.Source(), load[1].Prometheus.Metrics()); err != nil {
		t.Errorf("the collector refuses what passed: %v", err)
	}
}

func TestHash(t *testing.T) {
	plain := "pools: [{name: a, from: haproxy, targets: [haproxy: {socket: /s}]}]\n"
	same := "# remark\npools:\n- from: haproxy\n  name: a\n  law: auto\n  targets:\n  - haproxy: {backend: a, socket: /s}\n"
	other := strings.Replace(plain, "/s", "/t", 1)
	if a, b := parse(t, plain).Hash(), parse(t, same).Hash(); a != b || len(a) != 16 {
		t.Errorf("hashes %q and %q, want one of 16 digits", a, b)
	}
	if a, b := parse(t, plain).Hash(), parse(t, other).Hash(); a == b {
		t.Errorf("another socket has the same hash %q", a)
	}
}

func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want one that the file does not exist", err)
	}
	bad := filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(bad, []byte("pols: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(bad)
	problems, ok := errors.AsType[Problems](err)
	if !ok {
		t.Fatalf("error %T, want Problems", err)
	}
	want := Problem{File: bad, Line: 1, Column: 1, Path: "pols", Message: "unknown key", Hint: "did you mean pools?"}
	if diff := cmp.Diff(want, problems[0]); diff != "" {
		t.Errorf("problem (-want +got):\n%s", diff)
	}
	big := filepath.Join(dir, "big.yaml")
	if err := os.WriteFile(big, make([]byte, maxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(big); err == nil || !strings.Contains(err.Error(), "larger than 16 MiB") {
		t.Errorf("error %v, want one about the size", err)
	}
}

func TestDidYouMean(t *testing.T) {
	keys := []string{"floor", "ceiling", "stale_after"}
	for word, want := range map[string]string{
		"flor": "did you mean floor?", "floro": "did you mean floor?", "FLOOR": "did you mean floor?",
		"staleAfter": "did you mean stale_after?", "stale-after": "did you mean stale_after?",
		"cieling": "did you mean ceiling?", "roof": "known: ceiling, floor, stale_after",
		"": "known: ceiling, floor, stale_after",
	} {
		if got := didYouMean(word, keys); got != want {
			t.Errorf("didYouMean(%q) = %q, want %q", word, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(testdata, "*.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("f", data)
		if err == nil {
			again, err := Parse("effective", c.Effective())
			if err != nil {
				t.Fatalf("the effective configuration does not parse: %v\n%s", err, c.Effective())
			}
			if again.Hash() != c.Hash() {
				t.Fatalf("the effective configuration parses to something else:\n%s", again.Effective())
			}
			return
		}
		problems, ok := errors.AsType[Problems](err)
		if !ok || len(problems) == 0 {
			t.Fatalf("error %T %v, want Problems", err, err)
		}
		for i, p := range problems {
			if p.Line < 1 || p.Column < 1 || strings.ContainsAny(p.String(), "\n\r\x1b") {
				t.Errorf("problem %q", p)
			}
			if i > 0 && p.Line < problems[i-1].Line {
				t.Errorf("%q after %q", p, problems[i-1])
			}
		}
	})
}
