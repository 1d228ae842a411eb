package recording

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// history has a pool decide on what it is told, and is what was told and decided.
func history(t *rapid.T, c scorer.Config) []tuner.Entry {
	pool, err := scorer.New(c)
	if err != nil {
		t.Fatal(err)
	}
	var out []tuner.Entry
	var members []scorer.Backend
	for i := range rapid.IntRange(1, 6).Draw(t, "backends") {
		members = append(members, scorer.Backend{Name: fmt.Sprintf("s%d", i), Capacity: rapid.Float64Range(0.1, 10).Draw(t, "capacity")})
	}
	pool.SetBackends(members)
	out = append(out, tuner.Entry{At: began, Backends: members})
	signal := rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 1000))
	now := began
	for range rapid.IntRange(1, 30).Draw(t, "steps") {
		for _, m := range members {
			if rapid.Bool().Draw(t, "silent") {
				continue
			}
			r := scorer.NewReport(m.Name, "haproxy:a", now)
			r.ByProxy, r.Interval = true, 200*time.Millisecond
			r.InFlight, r.RPS, r.EPS = signal.Draw(t, "in flight"), signal.Draw(t, "rps"), 0
			if rapid.Bool().Draw(t, "utilized") {
				r.Utilization = rapid.Float64Range(0, 2).Draw(t, "utilization")
			}
			pool.Observe(r)
			out = append(out, tuner.Entry{At: now, Report: &r})
		}
		now = now.Add(time.Duration(rapid.Int64Range(0, 2e9).Draw(t, "tick")))
		plan := pool.Step(now)
		out = append(out, tuner.Entry{At: now, Plan: &plan})
		f := scorer.InForce{Origin: "haproxy:a", Algorithm: scorer.LeastConnections, Pulses: true}
		for _, d := range plan.Decisions {
			f.Shares = append(f.Shares, scorer.Share{Backend: d.Backend, Weight: d.Weight})
		}
		pool.Applied("haproxy:a", f)
		out = append(out, tuner.Entry{At: now, Applied: &tuner.Applied{Target: "haproxy:a", InForce: f}})
	}
	return out
}

// Whatever a pool was told, and by whichever law it decides, a replay decides the
// same.
func TestAReplayIsExact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := scorer.Config{Name: "web", Law: rapid.SampledFrom(scorer.Laws()).Draw(rt, "law")}
		c.Limits.Deadband = rapid.Float64Range(0, 0.2).Draw(rt, "deadband")
		entries := history(rt, c)
		text := write(t, NewHeader("v1", c, tuner.Beginning{At: began, FromStart: true, Recalled: began}), entries...)
		outcomes := make([]*Outcome, 2)
		for i := range outcomes {
			r, err := NewReader("x", strings.NewReader(text))
			if err != nil {
				rt.Fatal(err)
			}
			h := r.Header()
			if outcomes[i], err = Replay(r, h.Scorer()); err != nil {
				rt.Fatal(err)
			}
		}
		if o := outcomes[0]; o.Same != o.Plans || o.Plans == 0 || o.FirstDifference != nil {
			rt.Fatalf("%d of %d plans are the same", o.Same, o.Plans)
		}
		if diff := cmp.Diff(outcomes[0].Recorded.Moves, outcomes[1].Replayed.Moves); diff != "" {
			rt.Fatal(diff)
		}
	})
}

func decided(at time.Duration, law string, weights ...float64) tuner.Entry {
	p := &scorer.Plan{Law: law, LawWhy: "because", Mode: scorer.Active}
	for i, w := range weights {
		d := scorer.Decision{Backend: fmt.Sprintf("s%d", i+1), Weight: w, State: scorer.StateReady, Why: "it was so"}
		if w == 0 {
			d.State = scorer.StateEjected
		}
		p.Decisions = append(p.Decisions, d)
	}
	return tuner.Entry{At: began.Add(at), Plan: p}
}

func reported(at time.Duration) []tuner.Entry {
	var out []tuner.Entry
	for i := range 2 {
		r := scorer.NewReport(fmt.Sprintf("s%d", i+1), "orca", began.Add(at))
		r.Utilization = 0.5
		out = append(out, tuner.Entry{At: began.Add(at), Report: &r})
	}
	return out
}

func TestTheTableTellsWhatIsWorthTelling(t *testing.T) {
	entries := []tuner.Entry{{At: began, Backends: []scorer.Backend{{Name: "s1", Capacity: 3}, {Name: "s2", Capacity: 1}}}}
	for _, p := range []tuner.Entry{
		decided(1*time.Second, "capacity", 1.5, 0.5),
		decided(2*time.Second, "capacity", 1.53, 0.49), // a move, but nothing to tell
		decided(3*time.Second, "capacity", 1.6, 0.48),  // as with the one before
		decided(4*time.Second, "capacity", 1, 0),
		decided(61*time.Second, "static", 1, 0),
	} {
		entries = append(entries, reported(p.At.Sub(began))...)
		entries = append(entries, p)
	}
	c := scorer.Config{Name: "web\x1b[31m", Law: "auto"}
	text := write(t, NewHeader("v1", c, tuner.Beginning{At: began, FromStart: true, Recalled: began}), entries...)
	r, err := NewReader("x", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c.Law = scorer.LawStatic
	o, err := Replay(r, c)
	if err != nil {
		t.Fatal(err)
	}
	o.Settings = append(o.Settings, "limits.floor=0.1")
	var told []string
	for i := range o.Changes {
		m := &o.Changes[i]
		told = append(told, fmt.Sprintf("%v %s: %s | %s", m.At.Sub(began), m.Backend, m.Replayed.words(), m.Recorded.words()))
	}
	want := []string{
		"1s : law static | law capacity",
		"3s s1: 1.50 | 1.50 → 1.60",
		"4s s1: 1.50 | 1.60 → 1.00",
		"4s s2: 0.50 | 0.50 ready → 0.00 ejected",
		"1m1s : law static | law capacity → static",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
	if o.Recorded.Moves != 6 || o.Replayed.Moves != 0 || o.Recorded.MovesPerMinute != 6 {
		t.Errorf("moves: recorded %+v, replayed %+v", o.Recorded, o.Replayed)
	}
	var out bytes.Buffer
	if err := o.WriteTable(&out); err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{
		"replayed with law static, limits.floor=0.1", "moves per minute: 0.0 replayed, 6.0 recorded",
		"plans as recorded: 0 of 5 to the last bit, the first other one at", "configured share",
	} {
		if !strings.Contains(out.String(), says) {
			t.Errorf("no %q in\n%s", says, out.String())
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("the table speaks to the terminal")
	}
}

func TestSettings(t *testing.T) {
	for assignment, want := range map[string]func(*scorer.Config){
		"kind=connections":         func(c *scorer.Config) { c.Kind = scorer.KindConnections },
		"law=a58":                  func(c *scorer.Config) { c.Law = "a58" },
		"limits.floor=0.1":         func(c *scorer.Config) { c.Limits.Floor = 0.1 },
		"limits.ceiling=3":         func(c *scorer.Config) { c.Limits.Ceiling = 3 },
		"limits.step=0.1":          func(c *scorer.Config) { c.Limits.Step = 0.1 },
		"limits.deadband=0.2":      func(c *scorer.Config) { c.Limits.Deadband = 0.2 },
		"limits.max_ejected=0":     func(c *scorer.Config) { c.Limits.MaxEjected = -1 },
		"limits.stale_after=20s":   func(c *scorer.Config) { c.Limits.StaleAfter = 20 * time.Second },
		"limits.slow_start=0s":     func(c *scorer.Config) { c.Limits.SlowStart = -1 },
		"score.window=1m":          func(c *scorer.Config) { c.Score.Window = time.Minute },
		"score.queue=2":            func(c *scorer.Config) { c.Score.Coefficients = map[string]float64{"queue": 2} },
		"limits.floor=NaN":         nil,
		"limits.floor=-1":          nil,
		"limits.stale_after=0s":    nil,
		"limits.slow_start=-1s":    nil,
		"limits.slow_start=longer": nil,
		"score.=2":                 nil,
		"score.queue=-1":           nil,
		"admin.listen=x":           nil,
	} {
		var got, expected scorer.Config
		err := Set(&got, assignment)
		if want == nil {
			if err == nil || !strings.Contains(err.Error(), assignment) {
				t.Errorf("%s: %v", assignment, err)
			}
			continue
		}
		want(&expected)
		if diff := cmp.Diff(expected, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", assignment, err, diff)
		}
	}
	// What 0 means is not the default.
	var c scorer.Config
	if err := Set(&c, "limits.deadband=0"); err != nil || c.Limits.Deadband == 0 {
		t.Errorf("deadband %v %v", c.Limits.Deadband, err)
	}
}
