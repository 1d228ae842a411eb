package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/demo"
	"github.com/trimtab-lb/trimtab/haproxy/instance"
	envoyinstance "github.com/trimtab-lb/trimtab/xds/instance"
)

// needed skips the test where something is missing, but not where all has to
// be there.
func needed(t *testing.T, err error) {
	t.Helper()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
}

// builtTrimtab builds the program under demonstration.
func builtTrimtab(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trimtab")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "build", "-o", path, "../trimtab")
	if said, err := build.CombinedOutput(); err != nil {
		t.Logf("%s", said)
		needed(t, err)
	}
	return path
}

// finders say where the proxies of the demo are.
func finders() map[demo.Proxy]func() (string, error) {
	return map[demo.Proxy]func() (string, error){demo.HAProxy: instance.Find, demo.Envoy: envoyinstance.Find}
}

// demonstrated runs the demo with the real trimtab and returns its result.
func demonstrated(t *testing.T, proxy demo.Proxy, args ...string) demo.Result {
	t.Helper()
	_, err := finders()[proxy]()
	needed(t, err)
	args = append([]string{"demo", "--proxy", string(proxy), "--plain", "-o", "json", "--trimtab", builtTrimtab(t)}, args...)
	code, out, errs := called(t, t.Context(), args...)
	var got demo.Result
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("exit code %d, %v in:\n%s%s", code, err, out, errs)
	}
	if (code == exitFine) != got.Passed {
		t.Errorf("exit code %d, passed %v", code, got.Passed)
	}
	if got.Proxy != proxy || len(got.Stacks) != 3 || len(got.Ratios) != 2 || len(got.Failure.Stacks) != 3 {
		t.Fatalf("result %+v", got)
	}
	for _, s := range got.Stacks {
		t.Logf("%s: p50 %.1f, p99 %.1f ms, %d errors, imbalance %.2f, weights %v; sent %.2f ms late at p99",
			s.Name, s.P50, s.P99, s.Errors, s.Imbalance, s.Weights, s.SendLateP99)
	}
	for _, r := range got.Ratios {
		t.Logf("%s: %.3f (target of the full demo: %.2f)", r.Name, r.Value, r.Target)
	}
	t.Logf("valid %v, failure %+v", got.Valid, got.Failure)
	return got
}

// The demo's whole course with the real trimtab, too short for its figures.
func TestDemoWithTrimtab(t *testing.T) {
	if testing.Short() {
		t.Skip("takes two minutes")
	}
	for proxy := range finders() {
		t.Run(string(proxy), func(t *testing.T) {
			got := demonstrated(t, proxy, "--short", "--demand", "60ms")
			tuned := got.Stacks[1]
			if tuned.Name != demo.Trimtab || slices.Equal(tuned.Weights, got.Stacks[0].Weights) || slices.Max(tuned.Weights) == slices.Min(tuned.Weights) {
				t.Errorf("weights under %s are %v: it has moved none", tuned.Name, tuned.Weights)
			}
		})
	}
}

// On Envoy, trimtab with nothing but what Envoy counts is better than equal
// weights and no worse than known capacities. The course is short and its ratios
// have the more noise for it: they are printed, and judged with room.
func TestMeasuredDemoOnEnvoy(t *testing.T) {
	if testing.Short() || underRace {
		t.Skip("takes a minute and a half, and measures: it has its turn without -race")
	}
	got := demonstrated(t, demo.Envoy, "--short", "--demand", "40ms", "--warmup", "30s", "--measure", "20s")
	if !got.Valid {
		t.Skip("INVALID: this machine is too busy to measure on, so that nothing is shown")
	}
	for i, most := range []float64{0.85, 1.15} {
		if r := got.Ratios[i]; r.Value > most {
			t.Errorf("%s is %.3f, want %.2f at most", r.Name, r.Value, most)
		}
	}
}
