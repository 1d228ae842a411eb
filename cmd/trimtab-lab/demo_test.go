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

// The demo's whole course with the real trimtab, too short for its figures.
func TestDemoWithTrimtab(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	_, err := instance.Find()
	needed(t, err)
	code, out, errs := called(t, t.Context(), "demo", "--short", "--plain", "--demand", "60ms", "-o", "json", "--trimtab", builtTrimtab(t))
	var got demo.Result
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("exit code %d, %v in:\n%s%s", code, err, out, errs)
	}
	if (code == exitFine) != got.Passed {
		t.Errorf("exit code %d, passed %v", code, got.Passed)
	}
	if len(got.Stacks) != 3 || len(got.Ratios) != 2 || len(got.Failure.Stacks) != 3 {
		t.Fatalf("result %+v", got)
	}
	tuned := got.Stacks[1]
	if tuned.Name != demo.Trimtab || slices.Equal(tuned.Weights, got.Stacks[0].Weights) {
		t.Errorf("weights under %s are %v: it has moved none", tuned.Name, tuned.Weights)
	}
	for _, r := range got.Ratios {
		t.Logf("%s: %.3f (target of the full demo: %.2f)", r.Name, r.Value, r.Target)
	}
	t.Logf("valid %v, failure %+v", got.Valid, got.Failure)
}
