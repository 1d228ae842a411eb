package demo

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/realtime"
	"github.com/trimtab-lb/trimtab/haproxy/instance"
)

func TestMain(m *testing.M) {
	_, _ = realtime.Enter() // where allowed, neighbours do not disturb
	os.Exit(m.Run())
}

func needHAProxy(t *testing.T) {
	t.Helper()
	if _, err := instance.Find(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// screenplay remembers what was shown.
type screenplay struct {
	views  []View
	notes  []string
	onView func()
}

func (s *screenplay) Show(v View) {
	s.views = append(s.views, v)
	if s.onView != nil {
		s.onView()
	}
}

func (s *screenplay) Note(text string) { s.notes = append(s.notes, text) }

// little is the demo with a third of its rate, for the race detector's sake.
func little(trimtab string) Options {
	return Options{
		Trimtab: trimtab, Seed: 1, MeanDemand: 60 * time.Millisecond, Scheduling: realtime.Normal,
		Warmup: time.Second, Measure: 4 * time.Second, Fail: 5 * time.Second, Return: 3 * time.Second,
	}
}

func TestTheWholeCourseWithoutATuner(t *testing.T) {
	needHAProxy(t)
	var seen screenplay
	got, err := Run(t.Context(), little(""), &seen)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Stacks) != 2 || len(got.Failure.Stacks) != 2 || got.Passed || len(got.Ratios) != 0 {
		t.Fatalf("result %+v", got)
	}
	for i, s := range got.Stacks {
		t.Logf("%s: p50 %.1f, p99 %.1f ms, imbalance %.2f, sent %.2f ms late", s.Name, s.P50, s.P99, s.Imbalance, s.SendLateP99)
		if s.Errors > 0 || s.Requests < 900 || len(s.Weights) != 5 {
			t.Errorf("%+v", s)
		}
		if f := got.Failure.Stacks[i]; f.ErrorShare < 0.4 || f.Ejected != nil {
			t.Errorf("failure %+v: no black hole", f)
		}
	}
	if got.Valid && got.Stacks[1].Imbalance >= got.Stacks[0].Imbalance {
		t.Errorf("imbalance %.2f with known capacities, %.2f untouched", got.Stacks[1].Imbalance, got.Stacks[0].Imbalance)
	}
	var acts []string
	for i, v := range seen.views {
		if i > 0 && v.Done() < seen.views[i-1].Done() && got.Attempts == 1 && got.Failure.Attempts == 1 {
			t.Errorf("progress goes back from %v to %v", seen.views[i-1].Done(), v.Done())
		}
		if !slices.Contains(acts, v.Act) {
			acts = append(acts, v.Act)
		}
	}
	if len(acts) < 4 || !strings.Contains(strings.Join(seen.notes, "\n"), "well again") {
		t.Errorf("acts %q, notes %q", acts, seen.notes)
	}
}

func TestInterruptEndsEverything(t *testing.T) {
	needHAProxy(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	begun := time.Time{}
	seen := screenplay{onView: func() {
		if begun.IsZero() {
			begun = time.Now()
			cancel()
		}
	}}
	if _, err := Run(ctx, little(script(t, "trap 'exit 0' INT; while :; do sleep 0.05; done")), &seen); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %v to stop", took)
	}
}

func TestATunerThatEndsEndsTheDemo(t *testing.T) {
	needHAProxy(t)
	_, err := Run(t.Context(), little(script(t, "echo no such flag; exit 2")), &screenplay{})
	if err == nil || !strings.Contains(err.Error(), "no such flag") {
		t.Errorf("got %v, want what it said", err)
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{Fail: time.Second}, {Warmup: -1}, {MeanDemand: -1}} {
		if _, err := Run(t.Context(), o, &screenplay{}); err == nil {
			t.Errorf("%+v was run", o)
		}
	}
	o := Defaults()
	if rate := o.rate(); rate < 909 || rate > 911 {
		t.Errorf("%v requests/s", rate)
	}
	if once := o.planned() + o.Measure; once > 5*time.Minute {
		t.Errorf("%v with one repetition", once)
	}
}
