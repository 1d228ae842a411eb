package demo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/realtime"
	haproxy "github.com/trimtab-lb/trimtab/haproxy/instance"
	envoy "github.com/trimtab-lb/trimtab/xds/instance"
)

func TestMain(m *testing.M) {
	_, _ = realtime.Enter() // where allowed, neighbours do not disturb
	os.Exit(m.Run())
}

// need skips the test where the proxy is missing, but not where all has to be
// there.
func need(t *testing.T, p Proxy) {
	t.Helper()
	find := haproxy.Find
	if p == Envoy {
		find = envoy.Find
	}
	if _, err := find(); err != nil {
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
func little(p Proxy, trimtab string) Options {
	return Options{
		Proxy: p, Trimtab: trimtab, Seed: 1, MeanDemand: 60 * time.Millisecond, Scheduling: realtime.Normal,
		Warmup: time.Second, Measure: 4 * time.Second, Fail: 5 * time.Second, Return: 3 * time.Second,
	}
}

func TestTheWholeCourseWithoutATuner(t *testing.T) {
	for _, test := range []struct {
		proxy Proxy
		// hole is the least share of errors while one backend of five fails.
		hole float64
	}{{HAProxy, 0.4}, {Envoy, 0.15}} {
		t.Run(string(test.proxy), func(t *testing.T) {
			need(t, test.proxy)
			var seen screenplay
			got, err := Run(t.Context(), little(test.proxy, ""), &seen)
			if err != nil {
				t.Fatal(err)
			}
			if got.Proxy != test.proxy || len(got.Stacks) != 2 || len(got.Failure.Stacks) != 2 || got.Passed || len(got.Ratios) != 0 {
				t.Fatalf("result %+v", got)
			}
			for i, s := range got.Stacks {
				t.Logf("%s: p50 %.1f, p99 %.1f ms, imbalance %.2f, sent %.2f ms late", s.Name, s.P50, s.P99, s.Imbalance, s.SendLateP99)
				if s.Errors > 0 || s.Requests < 900 {
					t.Errorf("%+v", s)
				}
				if f := got.Failure.Stacks[i]; f.ErrorShare < test.hole || f.Ejected != nil {
					t.Errorf("failure %+v: no black hole", f)
				}
			}
			if !slices.Equal(got.Stacks[0].Weights, equal()) || !slices.Equal(got.Stacks[1].Weights, known()) {
				t.Errorf("weights %v and %v", got.Stacks[0].Weights, got.Stacks[1].Weights)
			}
			if got.Valid && got.Stacks[1].P99 >= got.Stacks[0].P99 {
				t.Errorf("p99 %.1f ms with known capacities, %.1f ms untouched", got.Stacks[1].P99, got.Stacks[0].P99)
			}
			seen.check(t, got)
		})
	}
}

// setback is how far progress may go back: an act ends when its last request is
// answered, which nobody knows before.
const setback = 0.02

// check looks at what was shown of a demo with this result.
func (s *screenplay) check(t *testing.T, got Result) {
	t.Helper()
	var acts []string
	for i, v := range s.views {
		if i > 0 && v.Done() < s.views[i-1].Done()-setback && got.Attempts == 1 && got.Failure.Attempts == 1 {
			t.Errorf("progress goes back from %v to %v", s.views[i-1].Done(), v.Done())
		}
		if !slices.Contains(acts, v.Act) {
			acts = append(acts, v.Act)
		}
	}
	if len(acts) < 4 || !strings.Contains(strings.Join(s.notes, "\n"), "well again") {
		t.Errorf("acts %q, notes %q", acts, s.notes)
	}
}

func TestInterruptEndsEverything(t *testing.T) {
	need(t, HAProxy)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	begun := time.Time{}
	seen := screenplay{onView: func() {
		if begun.IsZero() {
			begun = time.Now()
			cancel()
		}
	}}
	long := little(HAProxy, script(t, "trap 'exit 0' INT; while :; do sleep 0.05; done"))
	long.Measure = 2 * time.Minute
	if _, err := Run(ctx, long, &seen); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	if took := time.Since(begun); took > time.Minute {
		t.Errorf("it took %v to stop", took)
	}
}

func TestATunerThatEndsEndsTheDemo(t *testing.T) {
	for _, proxy := range []Proxy{HAProxy, Envoy} {
		t.Run(string(proxy), func(t *testing.T) {
			need(t, proxy)
			_, err := Run(t.Context(), little(proxy, script(t, "echo no such flag; exit 2")), &screenplay{})
			if err == nil || !strings.Contains(err.Error(), "no such flag") {
				t.Errorf("got %v, want what it said", err)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{Proxy: "nginx"}, {Fail: time.Second}, {Warmup: -1}, {MeanDemand: -1}} {
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

// script writes a program that stands in for trimtab.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trimtab")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}
