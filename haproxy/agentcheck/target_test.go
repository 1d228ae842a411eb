package agentcheck

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-lb/trimtab/scorer"
)

// unheard is a server that only the test asks, without a network.
func unheard() *Server {
	var log journal
	return &Server{log: log.logger(), notes: newNotebook(log.logger()), boards: map[string]*board{}}
}

var lb1, lb2 = netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")

func tell(s *Server, backend string, peer netip.Addr) string {
	return string(s.answer(name{"ws", backend}, peer, time.Now()))
}

// statistics is what a HAProxy shows.
type statistics map[string]int

func (s statistics) Name() string                { return "haproxy:page" }
func (s statistics) Algorithm() scorer.Algorithm { return scorer.LeastConnections }
func (s statistics) Weights() map[string]int     { return maps.Clone(s) }

func TestPercentages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weight := rapid.IntRange(0, maxWeight).Draw(t, "weight")
		initial := rapid.IntRange(1, maxWeight).Draw(t, "initial")
		percent, applied := percentFor(weight, initial)
		switch {
		case percent < 0 || percent > maxPercent:
			t.Fatalf("%d%%", percent)
		case (weight == 0) != (applied == 0):
			t.Fatalf("%d%% of %d is %d, for %d", percent, initial, applied, weight)
		case applied != appliedFor(percent, initial):
			t.Fatalf("%d%% of %d is %d, not %d", percent, initial, appliedFor(percent, initial), applied)
		case initial <= 100 && applied != weight:
			t.Fatalf("%d%% of %d is %d, want exactly %d", percent, initial, applied, weight)
		case applied-weight > 2 || weight-applied > 2:
			t.Fatalf("%d%% of %d is %d, want about %d", percent, initial, applied, weight)
		}
	})
}

// Whatever plans come, no answer stops a backend that has a weight, none is
// further from the last one than a step, and all together come to the shares.
func TestAnswersComeToTheShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := unheard()
		initial := rapid.SampledFrom([]int{1, 10, 100}).Draw(t, "initial")
		web, err := s.Target("ws", TargetOptions{InitialWeight: initial})
		if err != nil {
			t.Fatal(err)
		}
		weights := rapid.SliceOfN(rapid.Float64Range(0.2, 3), 2, 6).Draw(t, "weights")
		last := map[string]int{}
		for range 20 {
			if _, err := web.Apply(t.Context(), plan(weights...)); err != nil {
				t.Fatal(err)
			}
			for name, a := range web.posted.Load().by {
				before := max(last[name], initial)
				if len(last) > 0 {
					before = last[name]
				}
				low, high := int(float64(before)/slew), int(float64(before)*slew)+1
				if a.weight < 1 || a.weight < low || a.weight > high {
					t.Fatalf("%s goes from %d to %d", name, before, a.weight)
				}
			}
			for name, a := range web.posted.Load().by {
				last[name] = a.weight
			}
		}
		sum, total := 0.0, 0.0
		for i, w := range weights {
			sum += w
			total += float64(last[fmt.Sprintf("s%d", i+1)])
		}
		for i, w := range weights {
			share := float64(last[fmt.Sprintf("s%d", i+1)]) / total
			// One unit of the smallest weights that there may be.
			if diff := share - w/sum; diff > 0.02 || diff < -0.02 {
				t.Fatalf("weights %v of initially %d: share %.3f of %d, want %.3f", last, initial, share, i, w/sum)
			}
		}
	})
}

func TestInForce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := unheard()
		web := target(t, s, "ws", TargetOptions{InitialWeight: 100, Algorithm: scorer.RoundRobin})
		notes := func(in scorer.InForce) (out []string) {
			for _, share := range in.Shares {
				out = append(out, fmt.Sprintf("%s %v %d %s", share.Backend, share.Weight, share.Applied, share.Note))
			}
			return out
		}
		in := apply(t, web, plan(1, 0.8))
		if diff := cmp.Diff([]string{"s1 100 100 ", "s2 100 100 "}, notes(in)); diff != "" || in.Algorithm != scorer.RoundRobin || in.Pulses {
			t.Errorf("before anybody asks: %+v\n%s", in, diff)
		}
		tell(s, "s2", lb1)
		// What is in force is what was told, whatever is planned.
		in = apply(t, web, plan(1, 0.7))
		if diff := cmp.Diff([]string{"s1 100 100 ", "s2 80 80 "}, notes(in)); diff != "" {
			t.Error(diff)
		}
		pass(12 * time.Second)
		tell(s, "s1", lb1)
		in = apply(t, web, plan(1, 0.7))
		if diff := cmp.Diff([]string{"s1 100 100 ", "s2 80 80 not asked for 12s"}, notes(in)); diff != "" {
			t.Error(diff)
		}
		pass(12 * time.Second)
		in, err := web.Apply(t.Context(), plan(1, 0.7))
		if !errors.Is(err, ErrNotAsked) || !strings.Contains(err.Error(), "pool ws: for 12s") || len(in.Shares) != 2 {
			t.Errorf("nobody asks: %v, %+v", err, in)
		}
		tell(s, "s1", lb1)
		tell(s, "s2", lb1)
		apply(t, web, plan(1, 0.7))
	})
}

func TestBackendThatNobodyEverAsksFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := unheard()
		web := target(t, s, "ws", TargetOptions{})
		apply(t, web, plan(1, 1))
		pass(15 * time.Second)
		tell(s, "s1", lb1)
		if in := apply(t, web, plan(1, 1)); !strings.Contains(in.Shares[1].Note, "no HAProxy has asked for it in 15s") {
			t.Errorf("in force %+v", in)
		}
	})
}

func TestStatisticsKnowBetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := unheard()
		seen := statistics{"s1": 120, "s2": 60}
		web := target(t, s, "ws", TargetOptions{InitialWeight: 100, Statistics: seen, Algorithm: scorer.RoundRobin})
		// A plan that the weights found express already changes none of them.
		in := apply(t, web, plan(1, 0.5))
		if in.Origin != "haproxy:page" || in.Algorithm != scorer.LeastConnections || in.Shares[1].Applied != 60 {
			t.Errorf("in force %+v", in)
		}
		if a, b := tell(s, "s1", lb1), tell(s, "s2", lb1); a != "120%\n" || b != "60%\n" {
			t.Errorf("told %q and %q", a, b)
		}
		// HAProxy's servers have another initial weight than was said.
		seen["s1"], seen["s2"] = 1, 0
		if in := apply(t, web, plan(1, 0.5)); in.Shares[1].Note != "" {
			t.Errorf("doubted at once: %+v", in)
		}
		pass(6 * time.Second)
		tell(s, "s2", lb1)
		if in := apply(t, web, plan(1, 0.5)); in.Shares[1].Applied != 0 || !strings.Contains(in.Shares[1].Note, "HAProxy has 0 where 60% of 100 was told") {
			t.Errorf("in force %+v", in)
		}
	})
}

func TestPlanThatIsTooOldIsNotAnsweredFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := unheard()
		web := target(t, s, "ws", TargetOptions{InitialWeight: 100, StaleAfter: 3 * time.Second})
		apply(t, web, plan(1, 0.8))
		for _, want := range []string{"80%\n", "80%\n", "\n", "\n"} {
			if got := tell(s, "s2", lb1); got != want {
				t.Errorf("told %q, want %q", got, want)
			}
			pass(2 * time.Second)
		}
		apply(t, web, plan(1, 0.8))
		if got := tell(s, "s2", lb1); got != "80%\n" {
			t.Errorf("told %q by a new plan", got)
		}
	})
}

// A pool that is configured anew goes on from what was told, and the old one's
// end takes nothing down.
func TestTargetThatReplacesAnother(t *testing.T) {
	s := unheard()
	before := target(t, s, "ws", TargetOptions{InitialWeight: 100})
	settle(t, before, plan(1, 0.2))
	tell(s, "s1", lb1)
	told := tell(s, "s2", lb1)
	after := target(t, s, "ws", TargetOptions{InitialWeight: 100})
	if in := apply(t, after, scorer.Plan{Mode: scorer.DryRun}); len(in.Shares) != 2 || in.Shares[1].Weight*5 != in.Shares[0].Weight {
		t.Errorf("in force %+v", in)
	}
	apply(t, after, plan(1, 0.2))
	before.Close()
	if got := tell(s, "s2", lb1); got != told {
		t.Errorf("told %q, %q before", got, told)
	}
	after.Close()
	if got := tell(s, "s2", lb1); got != "\n" {
		t.Errorf("told %q with no target", got)
	}
}

// "ready" is for those who were told "drain", until they must have heard it.
func TestReadyIsSaidForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := unheard()
		web := target(t, s, "ws", TargetOptions{InitialWeight: 100, Drain: DrainByState})
		apply(t, web, draining(plan(1, 1), 1))
		if got := tell(s, "s1", lb1); got != "drain\n" {
			t.Fatalf("told %q", got)
		}
		apply(t, web, plan(1, 1))
		if got := tell(s, "s1", lb2); got != "100%\n" {
			t.Errorf("who was not told to drain is told %q", got)
		}
		for i := range 14 {
			want := "ready 100%\n"
			if i > 10 {
				want = "100%\n"
			}
			if got := tell(s, "s1", lb1); got != want {
				t.Errorf("after %d s: told %q, want %q", i, got, want)
			}
			apply(t, web, plan(1, 1))
			pass(time.Second)
		}
	})
}

// Who asks seldom is told "ready" a few times all the same.
func TestReadyForWhoAsksSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := unheard()
		web := target(t, s, "ws", TargetOptions{InitialWeight: 100, Drain: DrainByState, StaleAfter: time.Hour})
		apply(t, web, draining(plan(1, 1), 1))
		tell(s, "s1", lb1)
		apply(t, web, plan(1, 1))
		var got []string
		for range 4 {
			pass(time.Minute)
			got = append(got, tell(s, "s1", lb1))
		}
		if diff := cmp.Diff([]string{"ready 100%\n", "ready 100%\n", "ready 100%\n", "100%\n"}, got); diff != "" {
			t.Error(diff)
		}
	})
}
