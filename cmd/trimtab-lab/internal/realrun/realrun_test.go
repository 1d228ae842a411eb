package realrun

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/compile"
	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/load"
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
	out, err := run(t, o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func run(t *testing.T, o Options) (Outcome, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	return Run(ctx, o)
}

// judgment is what is wrong with a run.
type judgment []string

func (j *judgment) Errorf(format string, args ...any) { *j = append(*j, fmt.Sprintf(format, args...)) }

// mayStand is how long a run may stand still and count, whatever happens in it.
const mayStand = 100 * time.Millisecond

// judged runs a scenario and judges it, once more where something is wrong with a run
// that stood still: clients and backends, which are this process, did so together, while
// proxies and trimtab saw them do nothing.
func judged(t *testing.T, o Options, judge func(j *judgment, out *Outcome)) {
	t.Helper()
	for attempt := 1; ; attempt++ {
		var wrong judgment
		longest := standstill()
		if out, err := run(t, o); err != nil {
			wrong.Errorf("%v", err)
		} else {
			judge(&wrong, &out)
		}
		stood := longest()
		switch {
		case len(wrong) == 0:
			return
		case stood <= mayStand:
			for _, what := range wrong {
				t.Error(what)
			}
			return
		}
		t.Logf("INVALID: stood still for %v: %s", stood, strings.Join(wrong, "; "))
		if attempt == load.Attempts {
			t.Skip("this machine is too busy to measure on, so that nothing is shown")
		}
	}
}

// standstill watches this process until it is asked for how long it stood still at most.
func standstill() (longest func() time.Duration) {
	var most time.Duration
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		const every = 5 * time.Millisecond
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for last := time.Now(); ; {
			select {
			case <-stop:
				return
			case <-ticker.C:
			}
			now := time.Now()
			most, last = max(most, now.Sub(last)-every), now
		}
	}()
	return func() time.Duration {
		close(stop)
		<-done
		return most
	}
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
