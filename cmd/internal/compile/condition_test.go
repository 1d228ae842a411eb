package compile

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

// stateIn is the state that a condition stands for.
func stateIn(b simulate.Backend, c simulate.Condition) scenario.State {
	s := scenario.State{
		Settings: scenario.Settings{
			Cores: b.Cores * c.Cores, Speed: b.Speed * c.Speed, NeighbourCores: c.Taken, NeighbourReported: !c.Hidden,
			Weight: b.Weight * c.Weight, CapacityHint: b.CapacityHint, Distance: b.Distance + c.Distance,
			WaitFactor: c.Wait, Fail: scenario.FailNone, ErrorRate: c.Errors, ReportScale: c.Claim,
		},
		Present: !c.Absent, Down: c.Killed, Warmth: 1, Draining: c.Draining, DrainedFrom: c.DrainedFrom,
	}
	if c.CapacityHint > 0 {
		s.CapacityHint = c.CapacityHint
	}
	if c.Hanging {
		s.Fail = scenario.FailHang
	}
	s.Reports = [...]scenario.Reporting{
		simulate.ReportTrue: scenario.ReportsOK, simulate.ReportStop: scenario.ReportsStop, simulate.ReportZero: scenario.ReportsZero,
		simulate.ReportFull: scenario.ReportsFull, simulate.ReportFrozen: scenario.ReportsFrozen,
	}[c.Report]
	return s
}

// inSimulation is a state without what the simulation does not tell apart: how
// cold it is from how fast, and failing fast from an error rate of 1.
func inSimulation(s scenario.State) scenario.State {
	s.Speed *= s.Warmth
	s.Warmth = 1
	if s.Fail == scenario.FailFast {
		s.Fail, s.ErrorRate = scenario.FailNone, 1
	}
	s.NeighbourReported = s.NeighbourReported || s.NeighbourCores == 0
	return s
}

// rounded makes what differs by rounding the same.
func rounded(s scenario.State) scenario.State {
	for _, f := range []*float64{&s.Cores, &s.Speed, &s.NeighbourCores, &s.Weight, &s.CapacityHint, &s.WaitFactor, &s.ErrorRate, &s.ReportScale} {
		*f = float64(float32(*f))
	}
	return s
}

func conditionAt(b simulate.Backend, t time.Duration) simulate.Condition {
	if b.Condition == nil {
		return simulate.Healthy()
	}
	return b.Condition(t)
}

// Second by second, every backend is what the file says.
func TestConditionsAreTheTimelines(t *testing.T) {
	for _, f := range all(t) {
		s := Scenario(f)
		timelines := f.Timelines()
		if len(s.Backends) != len(timelines) {
			t.Fatalf("%s: %d backends, want %d", f.Name, len(s.Backends), len(timelines))
		}
		for at := time.Duration(0); at < f.End(); at += time.Second {
			for i, b := range s.Backends {
				want := rounded(inSimulation(timelines[i].At(at)))
				if got := rounded(stateIn(b, conditionAt(b, at))); got != want {
					t.Fatalf("%s: %s after %v (-want +got):\n%s", f.Name, b.Name, at, cmp.Diff(want, got))
				}
			}
			for i, c := range s.Capacities(at) {
				if want := timelines[i].At(at).Capacity(); math.Abs(c-want) > 1e-9*want {
					t.Fatalf("%s: %s can do %v after %v, want %v", f.Name, s.Backends[i].Name, c, at, want)
				}
			}
		}
	}
}

// What begins and ends between two ticks is not lost when it has consequences.
func TestRestartBetweenTicks(t *testing.T) {
	f := minimal(t, "{name: a, cores: 2}, {name: b, cores: 2}", `
events:
  - {at: 10050ms, backend: a, restart: {down: 50ms}}
  - {at: 20050ms, backend: a, restart: {down: 50ms, cold: {for: 1s, speed: 0.5}}}`)
	a := Scenario(f).Backends[0]
	var got []simulate.Condition
	for _, at := range []int{10000, 10200, 10400, 20200, 20400, 21000, 21200} {
		c := a.Condition(time.Duration(at) * time.Millisecond)
		got = append(got, simulate.Condition{Killed: c.Killed, Speed: c.Speed})
	}
	want := []simulate.Condition{
		{Speed: 1},
		{Killed: true, Speed: 1},
		{Speed: 1},
		{Killed: true, Speed: 0.5},
		{Speed: 0.5},
		{Speed: 0.5},
		{Speed: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestNothingHappens(t *testing.T) {
	if b := Scenario(minimal(t, "{name: a, cores: 2, speed: 0.5, weight: 3, capacity_hint: 7}", "")).Backends[0]; b.Condition != nil {
		t.Error("a backend to which nothing happens has a condition")
	}
}

func TestWhatOmniscientKnows(t *testing.T) {
	for _, test := range []struct {
		name, backends, events string
		want                   []float64
	}{
		{"configured", "{name: a, cores: 4, speed: 0.5}, {name: b, cores: 4, neighbour_cores: 1}", "", []float64{2, 3}},
		{"a half of the time", "{name: a, cores: 4}", "{at: 40s, backend: a, cores: 2}", []float64{3}},
		{"cold does not count", "{name: a, cores: 4, joins_at: 10s, cold: {for: 10s, speed: 0.1}}, {name: b, cores: 4}", "{at: 30s, backend: b, restart: {down: 5s, cold: {for: 5s, speed: 0.1}}}", []float64{4, 4}},
		{"failing does not count", "{name: a, cores: 4, leaves_at: 50s}, {name: b, cores: 4}", "{at: 20s, backend: a, fail: hang}", []float64{4, 4}},
		{"always failing", "{name: a, cores: 4, fail: fast}, {name: b, cores: 4, error_rate: 0.25}", "", []float64{0, 3}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := Scenario(minimal(t, test.backends, "events: ["+test.events+"]")).Oracle
			if diff := cmp.Diff(test.want, got, cmpopts.EquateApprox(1e-9, 0)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
