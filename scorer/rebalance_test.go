package scorer

import (
	"math"
	"strings"
	"testing"
	"time"
)

// joined is three backends that one has joined just now.
func joined(t *testing.T, config Config, each float64) *sockets {
	t.Helper()
	s := newSockets(t, config, each, each, each)
	for range 10 {
		s.second()
	}
	s.pool.SetBackends(equalBackends(4))
	s.held["s3"] = 0
	s.second()
	return s
}

func (s *sockets) rebalance(t *testing.T) (seconds int) {
	t.Helper()
	s.pool.SetOrders(Orders{Rebalance: &Order{Who: "alice", At: s.now}})
	for s.second().Shedding.Rebalance == RebalanceRunning {
		if seconds++; seconds > 590 {
			t.Fatalf("not done: %+v, held %v", s.plan.Shedding, s.held)
		}
	}
	return seconds
}

// While a newcomer starts slowly, what will be moved is what its whole part takes, and
// an order is not done before it has that.
func TestRebalanceWhileANewcomerStartsSlowly(t *testing.T) {
	for _, test := range []struct {
		each    float64
		starts  time.Duration
		delayed bool
	}{{75, 10 * time.Second, false}, {500, 10 * time.Second, false}, {75, time.Minute, true}, {500, time.Minute, true}} {
		each := test.each
		s := joined(t, Config{Limits: Limits{SlowStart: test.starts}}, each)
		for range 3 { // in the middle of it
			s.second()
		}
		estimate := s.pool.EstimateShed()
		seconds := s.rebalance(t)
		t.Logf("%v each: estimated %d in %v (%s), closed %d in %d s", each, estimate.Count, estimate.Takes, estimate.Delayed, s.total(), seconds)
		if slack := max(4, each/20); math.Abs(float64(s.total()-estimate.Count)) > slack {
			t.Errorf("estimated %d, closed %d", estimate.Count, s.total())
		}
		if len(estimate.To) != 1 || estimate.To[0].Backend != "s3" || strings.Contains(estimate.Delayed, "s3 starts slowly") != test.delayed {
			t.Errorf("estimate %+v", estimate)
		}
		if took := time.Duration(seconds) * time.Second; (took - estimate.Takes).Abs() > 20*time.Second {
			t.Errorf("estimated %v, took %v", estimate.Takes, took)
		}
		if least := each * 3 / 4 * 0.87; s.held["s3"] < least || s.plan.Shedding.Rebalance != RebalanceDone {
			t.Errorf("the new one has %v, want %v at least: %+v", s.held["s3"], least, s.plan.Shedding)
		}
	}
}

// Nobody is told of moves to where there is no room.
func TestTheEstimateKeepsToLimits(t *testing.T) {
	for _, test := range []struct {
		held   []float64
		limits map[string]float64
		want   int
	}{
		{[]float64{500, 500, 500, 0}, map[string]float64{"s3": 100}, 45},
		{[]float64{100, 200}, map[string]float64{"s0": 50, "s1": 50}, 0},
	} {
		s := newSockets(t, Config{}, test.held...)
		s.limits = test.limits
		for range 10 {
			s.second()
		}
		estimate := s.pool.EstimateShed()
		s.pool.SetOrders(Orders{Rebalance: &Order{At: s.now}})
		for range 60 {
			s.second()
		}
		if estimate.Count != test.want || math.Abs(float64(s.total()-test.want)) > 3 {
			t.Errorf("%v, at most %v: %d closed, estimated %+v", test.held, test.limits, s.total(), estimate)
		}
	}
}

// Where all have more than they may, there is nowhere to go, and that is said.
func TestRebalanceWhereNobodyHasRoom(t *testing.T) {
	s := newSockets(t, Config{}, 100, 200)
	s.limits = map[string]float64{"s0": 50, "s1": 50}
	s.pool.SetOrders(Orders{Rebalance: &Order{At: s.now}})
	for range 10 {
		s.second()
	}
	if got := s.plan.Shedding; got.State != ShedHeld || got.Why != "no backend may have more than it has" || s.total() > 0 {
		t.Errorf("%d closed, %+v", s.total(), got)
	}
	s.limits = nil
	for range 60 {
		s.second()
	}
	if s.held["s0"] < 143 {
		t.Errorf("%v open: %+v", s.held, s.plan.Shedding)
	}
}

// A pool that starts again with an order to carry out knows nothing at first, which is
// not to be balanced.
func TestRebalanceIsNotDoneBeforeAnythingIsKnown(t *testing.T) {
	s := newSockets(t, Config{}, 500, 500, 500, 0)
	s.pool.SetOrders(Orders{Rebalance: &Order{Who: "alice", At: s.now}})
	for range 3 {
		plan := s.step(nil)
		if p := plan.Shedding; p.Rebalance != RebalanceRunning || p.State != ShedHeld {
			t.Fatalf("%+v", p)
		}
	}
	for range 90 {
		s.second()
	}
	if s.total() < 300 || s.plan.Shedding.Rebalance != RebalanceDone {
		t.Errorf("%d closed: %+v", s.total(), s.plan.Shedding)
	}
}

// Of ten connections on four backends two have three: nothing is better than that.
func TestRebalanceOfFewEnds(t *testing.T) {
	for _, held := range [][]float64{{3, 3, 2, 2}, {9, 8, 8, 8}, {2, 1}, {1, 0, 0}} {
		s := newSockets(t, Config{Shed: &ShedConfig{}}, held...)
		for range 10 {
			s.second()
		}
		if p := s.plan.Shedding; p.State != ShedBalanced || p.Excess != 0 {
			t.Errorf("%v: %+v", held, p)
		}
		if e := s.pool.EstimateShed(); e.Count != 0 {
			t.Errorf("%v: estimated %+v", held, e)
		}
		if seconds := s.rebalance(t); seconds > 10 || s.total() > 0 {
			t.Errorf("%v: %d s, %d closed", held, seconds, s.total())
		}
	}
}

func TestRebalanceOfRequestsEnds(t *testing.T) {
	r := newRig(t, Config{Kind: KindRequests}, equalBackends(2)...)
	r.step(steady(2, 100, 0))
	if err := r.pool.CanRebalance(); err == nil || !strings.Contains(err.Error(), "requests") {
		t.Errorf("error %v", err)
	}
	r.pool.SetOrders(Orders{Rebalance: &Order{At: r.now}})
	r.step(steady(2, 100, 0))
	if s := r.plan.Shedding; s.Rebalance != RebalanceRefused || !strings.Contains(s.Why, "requests") || r.pool.EstimateShed().Held == "" {
		t.Errorf("%+v", s)
	}
	unknown := newRig(t, Config{}, equalBackends(2)...)
	unknown.pool.SetOrders(Orders{Rebalance: &Order{At: unknown.now}})
	unknown.step(nil)
	if s := unknown.plan.Shedding; unknown.pool.CanRebalance() != nil || s.Rebalance != RebalanceRunning || !strings.Contains(s.Why, "not known") {
		t.Errorf("of a pool that is not known: %+v", s)
	}
}

// Whoever reads that the time was over wants to know what it was lost with.
func TestAnOrderThatExpiresSaysWhy(t *testing.T) {
	s := newSockets(t, Config{}, 500, 500, 500, 0)
	s.pool.SetOrders(Orders{Rebalance: &Order{At: s.now}, Frozen: &alice})
	for range 10 {
		s.second()
	}
	s.now = s.now.Add(rebalanceFor)
	if p := s.second().Shedding; p.Rebalance != RebalanceExpired || !strings.Contains(p.Why, "frozen by alice") {
		t.Errorf("%+v", p)
	}
}

// An estimate while one backend is silent is held, and does not take a day.
func TestEstimateWhileOneIsSilent(t *testing.T) {
	s := newSockets(t, Config{}, 500, 500, 500, 0)
	for range 10 {
		s.second()
	}
	delete(s.held, "s3")
	for range 12 {
		s.dead = true
		s.second()
	}
	s.held["s0"] = 900
	s.second()
	if e := s.pool.EstimateShed(); e.Count == 0 || e.Takes > 5*time.Minute || !strings.Contains(e.Held, "s3") {
		t.Errorf("%+v", e)
	}
}

// When an order under round robin is done, weights go back in steps.
func TestWeightsReturnInSteps(t *testing.T) {
	s := newSockets(t, Config{}, 500, 500, 500, 0)
	s.algorithm, s.byWeight = RoundRobin, true
	for range 10 {
		s.second()
	}
	s.pool.SetOrders(Orders{Rebalance: &Order{At: s.now}})
	for range 150 {
		before := s.plan
		for i, d := range s.second().Decisions {
			if was := before.Decisions[i].Weight; d.Weight > was*1.51 || d.Weight < was/1.51 {
				t.Fatalf("%s: weight %v after %v, %+v", d.Backend, d.Weight, was, s.plan.Shedding)
			}
		}
	}
	if s.total() == 0 || s.decision("s3").Weight > 1.01 {
		t.Errorf("%d closed, weight %v in the end", s.total(), s.decision("s3").Weight)
	}
}
