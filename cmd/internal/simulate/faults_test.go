package simulate

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/scorer"
)

func TestTimelineLastChangeCounts(t *testing.T) {
	timeline := Timeline(
		Change{At: 10 * time.Second, Do: func(c *Condition) { c.Cores = 0.5 }},
		Change{At: 20 * time.Second, Until: 30 * time.Second, Do: func(c *Condition) { c.Cores = 2; c.Absent = true }},
	)
	half, absent := Healthy(), Healthy()
	half.Cores = 0.5
	absent.Cores, absent.Absent = 2, true
	for seconds, want := range map[int]Condition{0: Healthy(), 10: half, 19: half, 20: absent, 30: half} {
		if diff := cmp.Diff(want, timeline(time.Duration(seconds)*time.Second)); diff != "" {
			t.Errorf("after %d s (-want +got):\n%s", seconds, diff)
		}
	}
}

func TestShareOfErrors(t *testing.T) {
	s := short(time.Minute, 1, 0.3, pool(4, 4))
	s.Backends[0].Condition = during(0, forever, func(c *Condition) { c.Errors = 0.4 })
	r := must(t, s, scorer.RoundRobin, 1, Static{1, 1})
	if e := r.ErrorShare(); math.Abs(e-0.2) > 0.02 {
		t.Errorf("errors %v, want 0.4 of a half", e)
	}
}

func TestHangingFailsAfterTheTimeout(t *testing.T) {
	s := short(40*time.Second, 1, 0.5, pool(4, 4))
	s.Timeout = 5 * time.Second
	s.Demand = withWait(s.Demand, time.Second, 0.5)
	s.Backends[0].Condition = during(20*time.Second, 30*time.Second, func(c *Condition) { c.Hanging = true })
	rec := &recorder{Static: Static{1, 1}}
	r := must(t, s, scorer.RoundRobin, 1, rec)
	// A half of what came in ten seconds, and nothing of what was there.
	want := 10 * 0.5 / 40
	if e := r.ErrorShare(); r.Unfinished != 0 || math.Abs(e-want) > 0.02 {
		t.Errorf("errors %v, unfinished %d; want about %v and 0", e, r.Unfinished, want)
	}
	hanging := rec.steps[25][0] // of the second from 25 s on
	if hanging.Completed == 0 || hanging.Failed != hanging.Completed || math.Abs(hanging.Latency-5) > 0.5 {
		t.Errorf("five seconds later %+v, want nothing but failures after about 5 s", hanging)
	}
	if early := rec.steps[21][0]; early.Failed > 0 || early.Completed > hanging.Completed/4 {
		t.Errorf("in the first seconds %+v, want none but those that were there before", early)
	}
}

func TestKilledLosesAllThatItHas(t *testing.T) {
	s := short(40*time.Second, 1, 0.5, pool(4, 4))
	s.Demand = withWait(constant(meanWork), 10*time.Second, 1)
	s.Backends[0].Condition = during(20*time.Second, 25*time.Second, func(c *Condition) { c.Killed = true })
	rec := &recorder{Static: Static{1, 1}}
	r := must(t, s, scorer.RoundRobin, 1, rec)
	before, after := rec.steps[18][0], rec.steps[20][0]
	if got, want := float64(r.Failed), before.InFlight; math.Abs(got/want-1) > 0.1 {
		t.Errorf("%v requests failed, want what was in flight: %v", got, want)
	}
	if after.InFlight != 0 || after.Up || !after.Present {
		t.Errorf("after it %+v, want nothing in flight, down, still a member", after)
	}
}

func TestAbsentIsNoMemberAndFinishesWhatItHas(t *testing.T) {
	s := short(40*time.Second, 1, 0.5, pool(4, 4))
	s.Demand = withWait(constant(meanWork), time.Second, 1)
	s.Backends[0].Condition = during(20*time.Second, 30*time.Second, func(c *Condition) { c.Absent = true })
	rec := &recorder{Static: Static{1, 1}}
	r := must(t, s, scorer.LeastConnections, 1, rec)
	if r.ErrorShare() != 0 {
		t.Errorf("errors %v, want none", r.ErrorShare())
	}
	for _, test := range []struct {
		second  int
		present bool
	}{{18, true}, {20, false}, {28, false}, {30, true}} {
		if got := rec.steps[test.second][0].Present; got != test.present {
			t.Errorf("in second %d: present %v", test.second, got)
		}
	}
	if n := rec.steps[20][0].InFlight; n == 0 {
		t.Error("nothing in flight just after leaving, want what was there")
	}
	if n := rec.steps[28][0].InFlight; n != 0 {
		t.Errorf("%v in flight at the end, want nothing", n)
	}
}

func TestAbsentBackendIsUnknownToThePool(t *testing.T) {
	s := short(30*time.Second, 1, 0.5, pool(4, 4, 4))
	s.Backends[2].Condition = during(0, 10*time.Second, func(c *Condition) { c.Absent = true })
	s.Backends[0].Condition = during(20*time.Second, forever, func(c *Condition) { c.Absent = true })
	sizes := map[int]int{}
	for _, p := range []Proxy{{}, {Kind: KindEnvoy, Algorithm: scorer.LeastRequest}} {
		policy := Trimtab()
		policy.Watch = func(now time.Duration, plan scorer.Plan, _ scorer.Rounded) {
			sizes[int(now/time.Second)] = len(plan.Decisions)
		}
		c, err := policy.Policy().New(Setup{Scenario: &s, Proxy: p.withDefaults()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := alone(&s, p, 1, c); err != nil {
			t.Fatal(err)
		}
		got := []int{sizes[5], sizes[15], sizes[25]}
		if diff := cmp.Diff([]int{2, 3, 2}, got); diff != "" {
			t.Errorf("%s: members (-want +got):\n%s", p, diff)
		}
	}
}

// Half of the cores are as good as half of the speed when all are in use.
func TestCoresAndSpeedAreCapacity(t *testing.T) {
	s := short(time.Second, 1, 1, pool(4, 4, 4, 4))
	s.Backends[0].Condition = during(0, forever, func(c *Condition) { c.Cores = 0.5 })
	s.Backends[1].Condition = during(0, forever, func(c *Condition) { c.Speed = 0.5 })
	s.Backends[2].Condition = during(0, forever, func(c *Condition) { c.Taken = 2; c.Errors = 0.5 })
	if diff := cmp.Diff([]float64{2, 2, 1, 4}, s.Capacities(0)); diff != "" {
		t.Errorf("capacities (-want +got):\n%s", diff)
	}
}
