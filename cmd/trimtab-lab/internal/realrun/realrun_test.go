package realrun

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/compile"
	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/realtime"
	haproxyinstance "github.com/trimtab-lb/trimtab/haproxy/instance"
	envoyinstance "github.com/trimtab-lb/trimtab/xds/instance"
)

func TestMain(m *testing.M) {
	_, _ = realtime.Enter() // where allowed, neighbours do not disturb
	os.Exit(m.Run())
}

// needed skips the test where something is missing, but not where all has to be
// there.
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

// builtTrimtab builds the program that is judged.
func builtTrimtab(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trimtab")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "build", "-o", path, "../../../trimtab")
	if said, err := build.CombinedOutput(); err != nil {
		t.Logf("%s", said)
		needed(t, err)
	}
	return path
}

// parsed is a scenario ready to be run where its proxy is there.
func parsed(t *testing.T, text string) Options {
	t.Helper()
	f, err := scenario.Parse(t.Name(), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if f.Proxy.Kind == scenario.Envoy {
		_, err = envoyinstance.Find()
	} else {
		_, err = haproxyinstance.Find()
	}
	needed(t, err)
	o := Options{Scenario: compile.Scenario(f), Proxy: compile.Proxy(f.Proxy), Seeds: []uint64{f.Seed}, Note: func(text string) { t.Log(text) }}
	if o.Policies, err = compile.Policies(f.Policies); err != nil {
		t.Fatal(err)
	}
	for _, p := range o.Policies {
		if p.Name == simulate.Trimtab().Name && o.Trimtab == "" {
			o.Trimtab = builtTrimtab(t)
		}
	}
	return o
}

func ran(t *testing.T, o Options) Outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	out, err := Run(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// runOf is a policy's first run.
func runOf(t *testing.T, o *Outcome, policy string) *PolicyRun {
	t.Helper()
	i := slices.IndexFunc(o.Runs, func(r PolicyRun) bool { return r.Policy == policy })
	if i < 0 {
		t.Fatalf("%s has not been run", policy)
	}
	return &o.Runs[i]
}

// figures are those of a policy, nil if it cannot be run.
func figures(t *testing.T, s simulate.Summary, policy string) *simulate.Figures {
	t.Helper()
	i := slices.IndexFunc(s.Policies, func(p simulate.PolicySummary) bool { return p.Name == policy })
	if i < 0 {
		t.Fatalf("no policy %s in %+v", policy, s.Policies)
	}
	return s.Policies[i].Figures
}
