package agentcheck

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// From a plan that changes to the weight that is in force in HAProxy.
func TestMeasuredPlanToWeight(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		for _, inter := range []time.Duration{200 * time.Millisecond, time.Second} {
			s, _ := listening(t, Config{})
			web := target(t, s, "ws", TargetOptions{InitialWeight: 100})
			in := haproxy(t, binary, s.Addr().String(), 5, inter)
			var all []time.Duration
			for round := range 8 {
				// What is wanted is read from what is answered: the scale is the
				// target's own affair.
				apply(t, web, plan(1, 1, 1, 1, 0.5+0.1*float64(round)))
				wanted := web.posted.Load().by
				took := until(t, eventually, func() error {
					for name, s := range states(t, in) {
						if s.Weight != wanted[name].weight {
							return fmt.Errorf("%s has %d, want %d", name, s.Weight, wanted[name].weight)
						}
					}
					return nil
				})
				all = append(all, took)
			}
			slices.Sort(all)
			median, longest := all[len(all)/2], all[len(all)-1]
			t.Logf("agent-inter %v: all 5 weights in force %v after the plan at most, %v at the median (limit %v)",
				inter, longest.Round(time.Millisecond), median.Round(time.Millisecond), inter+100*time.Millisecond)
			// A check that is missed would take a whole interval more. One of them may be late
			// because the machine does other things.
			if median > inter+inter/2+500*time.Millisecond {
				t.Errorf("agent-inter %v: %v until the weights are in force, of %v", inter, median, all)
			}
		}
	})
}

func TestDrainAndBack(t *testing.T) {
	for how, drained := range map[Drain]state{DrainByWeight: {Status: "no check"}, DrainByState: {Status: "DRAIN (agent)", Weight: 100}} {
		t.Run(string(how), func(t *testing.T) {
			onEach(t, func(t *testing.T, binary string) {
				s, _ := listening(t, Config{})
				web := target(t, s, "ws", TargetOptions{InitialWeight: 100, Drain: how})
				in := haproxy(t, binary, s.Addr().String(), 2, 50*time.Millisecond)
				settle(t, web, plan(1, 0.5))
				until(t, eventually, func() error {
					return errors.Join(want(t, in, "s1", "no check", 100), want(t, in, "s2", "UP", 50))
				})
				apply(t, web, draining(plan(1, 0.5), 1))
				until(t, eventually, func() error { return want(t, in, "s1", drained.Status, drained.Weight) })
				if got := apply(t, web, draining(plan(1, 0.5), 1)).Shares[0]; got.Weight != 0 {
					t.Errorf("in force while it drains: %+v", got)
				}
				apply(t, web, plan(1, 0.5))
				until(t, eventually, func() error { return want(t, in, "s1", "no check", 100) })
			})
		})
	}
}

// What an operator does on HAProxy itself is the operator's.
func TestOperatorsStatesAreLeftAlone(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		s, _ := listening(t, Config{})
		web := target(t, s, "ws", TargetOptions{InitialWeight: 100})
		in := haproxy(t, binary, s.Addr().String(), 2, 50*time.Millisecond)
		weights := []float64{1, 0.5}
		for _, test := range []struct{ command, back, status string }{
			{"set server ws/s1 state drain", "set server ws/s1 state ready", "DRAIN"},
			{"set server ws/s1 state maint", "set server ws/s1 state ready", "MAINT"},
			{"set server ws/s1 agent down", "set server ws/s1 agent up", "DOWN"},
		} {
			said(t, in, test.command)
			weights[0], weights[1] = weights[1], weights[0]
			settle(t, web, plan(weights...))
			wanted := web.posted.Load().by["s1"].weight
			until(t, eventually, func() error { return want(t, in, "s1", test.status, wanted) })
			during(t, 300*time.Millisecond, func() error { return want(t, in, "s1", test.status, wanted) })
			said(t, in, test.back)
			until(t, eventually, func() error { return want(t, in, "s1", "no check", wanted) })
		}
	})
}

// Nothing that happens to trimtab changes a weight or a state.
func TestAbsenceLeavesTheLastWeights(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		s, stop := listening(t, Config{})
		web := target(t, s, "ws", TargetOptions{InitialWeight: 100, StaleAfter: 500 * time.Millisecond})
		in := haproxy(t, binary, s.Addr().String(), 2, 50*time.Millisecond)
		same := func() error { return errors.Join(want(t, in, "s1", "no check", 100), want(t, in, "s2", "UP", 40)) }
		agent := func(status string) func() error {
			return func() error {
				if got := states(t, in)["s1"].Agent; got != status {
					return fmt.Errorf("agent-check %s, want %s", got, status)
				}
				return same()
			}
		}
		until(t, eventually, func() error {
			settle(t, web, plan(1, 0.4))
			return same()
		})

		// A plan that has become too old.
		held := s.Stats().Held
		until(t, eventually, func() error {
			if s.Stats().Held < held+10 {
				return fmt.Errorf("%d held", s.Stats().Held)
			}
			return agent("CHECKED")()
		})
		// One that is not to be carried out.
		dry := plan(1, 1)
		dry.Mode = scorer.DryRun
		held = s.Stats().Held
		until(t, eventually, func() error {
			if shares := apply(t, web, dry).Shares; shares[1].Applied != 40 {
				return fmt.Errorf("in force %+v", shares)
			}
			if s.Stats().Held < held+10 {
				return fmt.Errorf("%d held", s.Stats().Held)
			}
			return agent("CHECKED")()
		})
		// No target, and then nobody at all.
		web.Close()
		held = s.Stats().Held
		until(t, eventually, func() error {
			if err := same(); err != nil {
				t.Fatal(err)
			}
			if s.Stats().Held < held+10 {
				return fmt.Errorf("%d held", s.Stats().Held)
			}
			return agent("CHECKED")()
		})
		stop()
		until(t, eventually, agent("L4CON"))
		during(t, 300*time.Millisecond, agent("L4CON"))
	})
}

// A listener that is there and does not answer is the same.
func TestHungServerLeavesTheLastWeights(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		s, err := Listen(t.Context(), Config{Listen: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		in := haproxy(t, binary, s.Addr().String(), 2, 50*time.Millisecond)
		until(t, eventually, func() error {
			if got := states(t, in)["s2"].Agent; got != "L7TOUT" {
				return fmt.Errorf("agent-check %s", got)
			}
			return errors.Join(want(t, in, "s1", "no check", 100), want(t, in, "s2", "UP", 100))
		})
	})
}

func TestHAProxyThatIsRestartedGetsItsWeights(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		s, _ := listening(t, Config{})
		// The one plan of this test counts for as long as the HAProxies take to start.
		web := target(t, s, "ws", TargetOptions{InitialWeight: 100, StaleAfter: time.Hour})
		in := haproxy(t, binary, s.Addr().String(), 2, 50*time.Millisecond)
		other := haproxy(t, binary, s.Addr().String(), 2, 50*time.Millisecond)
		settle(t, web, plan(1, 0.7))
		both := func() error {
			return errors.Join(want(t, in, "s2", "UP", 70), want(t, other, "s2", "UP", 70))
		}
		until(t, eventually, both)
		if err := in.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		until(t, eventually, both)
	})
}

// Percentages are what HAProxy's arithmetic makes the weights wanted of.
func TestPercentagesOfSmallWeights(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		s, _ := listening(t, Config{})
		in := haproxy(t, binary, s.Addr().String(), 1, 20*time.Millisecond)
		for _, weight := range []int{1, 2, 99, 100, 101, 255, 256} {
			percent, applied := percentFor(weight, 100)
			a := answer{line: percentLine(percent), percent: percent, weight: applied}
			s.board("ws").post(&answers{until: time.Now().Add(time.Minute), by: map[string]answer{"s1": a}})
			until(t, eventually, func() error { return want(t, in, "s1", "no check", weight) })
		}
	})
}
