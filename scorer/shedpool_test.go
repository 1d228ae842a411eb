package scorer

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// sockets drives a pool of connections that come back after three seconds to whoever
// has least.
type sockets struct {
	*rig
	held map[string]float64
	back []float64 // this second's, the next one's, …
	// closed are how many of each second, by backend.
	closed map[string][]int
	// dead is that nobody closes what is asked, fails that it is told so.
	dead, fails bool
	// byWeight is that they come back by weight alone, as under round robin.
	byWeight bool
	turn     map[string]float64
}

func newSockets(t *testing.T, config Config, held ...float64) *sockets {
	t.Helper()
	config.Kind = KindConnections
	s := &sockets{rig: newRig(t, config, equalBackends(len(held))...), held: map[string]float64{}, back: make([]float64, 4), closed: map[string][]int{}, turn: map[string]float64{}}
	for i, n := range held {
		s.held[fmt.Sprintf("s%d", i)] = n
	}
	return s
}

func (s *sockets) second() Plan {
	opened := map[string]float64{}
	for range int(s.back[0]) {
		best := ""
		for _, d := range s.plan.Decisions {
			if s.turn[d.Backend] += d.Weight; s.byWeight {
				if best == "" || s.turn[d.Backend] > s.turn[best] {
					best = d.Backend
				}
				continue
			}
			if d.Weight > 0 && (best == "" || s.held[d.Backend]/d.Weight < s.held[best]/s.decision(best).Weight) {
				best = d.Backend
			}
		}
		if s.byWeight {
			s.turn[best] -= float64(len(s.held))
		}
		s.held[best]++
		opened[best]++
	}
	s.back = append(s.back[1:], 0)
	counts := map[string]seen{}
	for name, n := range s.held {
		counts[name] = seen{inFlight: n, upgrades: opened[name]}
	}
	s.step(counts)
	for _, d := range s.plan.Decisions {
		s.closed[d.Backend] = append(s.closed[d.Backend], 0)
		if s.plan.Mode != Active || s.dead {
			continue
		}
		count := min(d.Shed.Count, int(s.held[d.Backend]))
		if s.fails {
			count = 0
		}
		s.held[d.Backend] -= float64(count)
		s.back[2] += float64(count)
		s.closed[d.Backend][len(s.closed[d.Backend])-1] = count
		s.pool.Closed(Closed{Backend: d.Backend, Seq: s.plan.Seq, At: s.now.Add(500 * time.Millisecond), Count: count})
	}
	return s.plan
}

func (s *sockets) total() int {
	sum := 0
	for _, all := range s.closed {
		for _, n := range all {
			sum += n
		}
	}
	return sum
}

func TestPoolShedsAndStops(t *testing.T) {
	s := newSockets(t, Config{Shed: &ShedConfig{}}, 500, 500, 500, 0)
	active := 0
	for range 90 {
		plan := s.second()
		if plan.Shedding.State != ShedActive {
			continue
		}
		active++
		for _, d := range plan.Decisions {
			if d.Shed.Count > 0 && !cmp.Equal(d.Shed.Parts, []ShedPart{{"t", d.Shed.Count}}) {
				t.Fatalf("%s: %+v", d.Backend, d.Shed)
			}
		}
	}
	const least = 1500 - 3*1.05*375
	if n := float64(s.total()); n < least || n > 1.1*least || active == 0 {
		t.Errorf("%v closed, %v is the least", n, least)
	}
	if p := s.plan; p.Shedding.State != ShedBalanced || p.Shedding.UnderWay != 0 || math.Abs(p.Decisions[0].Goal-375) > 1e-6 {
		t.Errorf("in the end %+v, goal %v", p.Shedding, p.Decisions[0].Goal)
	}
}

// Under round robin weights have to bring those who were closed to where there is
// room, or three in four come back to where they were.
func TestWeightsFollowTheShedding(t *testing.T) {
	s := newSockets(t, Config{Shed: &ShedConfig{}}, 500, 500, 500, 0)
	s.algorithm, s.byWeight = RoundRobin, true
	tilted := 0.0
	for range 120 {
		before := s.plan
		plan := s.second()
		sum := 0.0
		for i, d := range plan.Decisions {
			sum += d.Weight
			if before.Seq > 0 && (d.Weight > before.Decisions[i].Weight*1.51 || d.Weight < before.Decisions[i].Weight/1.51) {
				t.Fatalf("%s: weight %v after %v", d.Backend, d.Weight, before.Decisions[i].Weight)
			}
		}
		if math.Abs(sum-4) > 1e-6 {
			t.Fatalf("the mean weight is %v", sum/4)
		}
		tilted = max(tilted, plan.Decisions[3].Weight)
	}
	const least = 1500 - 3*1.05*375
	t.Logf("closed %.3f of the least, the empty one had a weight of %.2f", float64(s.total())/least, tilted)
	if float64(s.total()) > 1.4*least || s.held["s3"] < 325 || tilted < 2 {
		t.Errorf("closed %.3f of the least, the last one has %v, the largest weight was %.2f", float64(s.total())/least, s.held["s3"], tilted)
	}
	for _, d := range s.plan.Decisions {
		if math.Abs(d.Weight-1) > 0.01 {
			t.Errorf("%s: weight %v in the end", d.Backend, d.Weight)
		}
	}
}

func TestNobodyIsAskedWhen(t *testing.T) {
	for _, test := range []struct {
		name   string
		config Config
		change func(*sockets)
		state  ShedState
		why    string
	}{
		{"nothing is configured", Config{}, func(*sockets) {}, ShedOff, "nothing is configured"},
		{"frozen", Config{Shed: &ShedConfig{}}, func(s *sockets) { s.pool.SetOrders(Orders{Frozen: &alice}) }, ShedHeld, "frozen by alice"},
		{"a proxy reloads", Config{Shed: &ShedConfig{}}, func(s *sockets) {
			s.pool.Applied("u", InForce{Origin: "haproxy:b", Reloading: true})
		}, ShedHeld, "reloads"},
		{"a proxy has just reloaded", Config{Shed: &ShedConfig{}}, func(s *sockets) {
			s.pool.Applied("u", InForce{Origin: "haproxy:b", Process: 1})
			s.pool.Applied("u", InForce{Origin: "haproxy:b", Process: 2})
		}, ShedHeld, "reloads"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSockets(t, test.config, 500, 500, 500, 0)
			for range 9 {
				s.dead = true
				s.second()
			}
			test.change(s)
			s.dead = false
			plan := s.second()
			if s.total() > 0 || plan.Shedding.State != test.state || !strings.Contains(plan.Shedding.Why, test.why) {
				t.Errorf("%d closed, %v: %q", s.total(), plan.Shedding.State, plan.Shedding.Why)
			}
		})
	}
}

func TestDryRunShedsNobody(t *testing.T) {
	s := newSockets(t, Config{Shed: &ShedConfig{}, DryRun: true}, 500, 500, 500, 0)
	for range 20 {
		s.second()
	}
	if p := s.plan.Shedding; p.Asked == 0 || p.UnderWay != 0 || s.total() != 0 {
		t.Errorf("%+v, %d closed: want it said and not counted as done", p, s.total())
	}
}

func TestRebalanceOnce(t *testing.T) {
	s := newSockets(t, Config{}, 500, 500, 500, 0)
	for range 10 {
		s.second()
	}
	order := Order{Who: "alice", At: s.now}
	estimate := s.pool.EstimateShed()
	s.pool.SetOrders(Orders{Rebalance: &order})
	seconds := 0
	for s.second().Shedding.Rebalance == RebalanceRunning {
		if seconds++; seconds > 120 {
			t.Fatalf("not done: %+v", s.plan.Shedding)
		}
	}
	if s.plan.Shedding.Rebalance != RebalanceDone || s.total() == 0 {
		t.Errorf("%+v, %d closed", s.plan.Shedding, s.total())
	}
	want := ShedEstimate{
		Count: 330, From: []ShedMove{{"s0", 110}, {"s1", 110}, {"s2", 110}}, To: []ShedMove{{"s3", 330}},
	}
	if diff := cmp.Diff(want, estimate, cmpopts.IgnoreFields(ShedEstimate{}, "Takes")); diff != "" {
		t.Errorf("estimate (-want +got):\n%s", diff)
	}
	t.Logf("estimated %d in %v, took %d in %d s", estimate.Count, estimate.Takes, s.total(), seconds)
	if took := time.Duration(seconds) * time.Second; math.Abs(float64(s.total()-estimate.Count)) > 10 || (took-estimate.Takes).Abs() > 20*time.Second {
		t.Errorf("closed %d in %v, estimated %d in %v", s.total(), took, estimate.Count, estimate.Takes)
	}
	before := s.total()
	s.held["s0"] += 100
	for range 30 {
		s.second()
	}
	if s.total() != before {
		t.Error("an order that was carried out is carried out again")
	}
	late := Order{Who: "alice", At: s.now.Add(-time.Hour)}
	s.pool.SetOrders(Orders{Rebalance: &late})
	if got := s.second().Shedding.Rebalance; got != RebalanceExpired {
		t.Errorf("an old order is %v", got)
	}
}

func TestShedConfigIsChecked(t *testing.T) {
	for _, bad := range []ShedConfig{{StopBelow: 0.9}, {StartAbove: 1.01, StopBelow: 1.02}, {Rate: 2}, {Rate: -1}, {Sharers: -1}} {
		if _, err := New(Config{Name: "p", Shed: &bad}); err == nil {
			t.Errorf("%+v: accepted", bad)
		}
	}
	p, err := New(Config{Name: "p"})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.SetShed(&ShedConfig{Rate: 2}); err == nil || p.shedding != nil {
		t.Errorf("error %v, set %v", err, p.shedding)
	}
	if err := p.SetShed(&ShedConfig{StartAbove: 1.02}); err != nil || p.shedding.StopBelow != 1.02 {
		t.Errorf("error %v, set %+v", err, p.shedding)
	}
}

func TestScoreTerms(t *testing.T) {
	r := newRig(t, Config{Kind: KindConnections}, Backend{Name: "strong", Capacity: 4}, Backend{Name: "weak", Capacity: 1})
	strong, weak := NewReport("strong", "orca:strong", start), NewReport("weak", "orca:weak", start)
	strong.CPU, weak.CPU = 0.2, 0.6
	r.step(map[string]seen{"strong": {inFlight: 8}, "weak": {inFlight: 3}}, strong, weak)
	want := []ScoreTerm{
		{Signal: "connections", Coefficient: 1, Value: 8, Multiple: 8.0 / 4 / (11.0 / 5)},
		{Signal: "cpu", Coefficient: 1, Value: 0.2, Multiple: 0.2 / ((0.2*4 + 0.6) / 5)},
	}
	d := r.decision("strong")
	if diff := cmp.Diff(want, d.Terms, within); diff != "" {
		t.Errorf("terms (-want +got):\n%s", diff)
	}
	if sum := (want[0].Multiple + want[1].Multiple) / 2; math.Abs(d.Score-sum) > 1e-9 || d.Score > r.decision("weak").Score {
		t.Errorf("scores %v and %v, want %v and more", d.Score, r.decision("weak").Score, sum)
	}
}

// A connection that is dear in what only the application measures leaves less room.
func TestGoalsByANamedMetric(t *testing.T) {
	r := newRig(t, Config{Kind: KindConnections, Score: ScoreConfig{Coefficients: map[string]float64{"connections": 1, "gpu": 1}}}, equalBackends(4)...)
	for range 30 {
		counts, own := sharing(0.3, 0.3, 0.3, 0.3)
		for i, gpu := range []float64{30, 20, 20, 20} {
			own[i].Named = map[string]float64{"gpu": gpu}
		}
		r.step(counts, own...)
	}
	if w := r.decision("s0").Weight; w > 0.75 || w < 0.6 {
		t.Errorf("weight %v, want about 12.5 of 18.1, the others' mean", w)
	}
}

func TestCanDrain(t *testing.T) {
	r := newRig(t, Config{Kind: KindConnections}, equalBackends(4)...)
	counts, own := sharing(0.55, 0.55, 0.55, 0.55)
	r.step(counts, own...)
	for _, test := range []struct {
		drained []string
		drain   []string
		want    error
	}{
		{nil, []string{"s0"}, nil},
		{nil, []string{"s0", "s1"}, ErrNoRoom},
		{[]string{"s1"}, []string{"s0"}, ErrNoRoom},
		{nil, []string{"s0", "s1", "s2", "s3"}, ErrLastBackend},
		{nil, []string{"other"}, ErrUnknownBackend},
	} {
		drains := map[string]Drain{}
		for _, name := range test.drained {
			drains[name] = Drain{Order: alice}
		}
		r.pool.SetOrders(Orders{Drains: drains})
		r.step(counts, own...)
		if err := r.pool.CanDrain(test.drain...); !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
			t.Errorf("%v drained, drain %v: %v, want %v", test.drained, test.drain, err, test.want)
		}
	}
}
