package realrun

import (
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
)

// What a backend reports is spoiled as the scenario says.
func TestReporterSpoilsReports(t *testing.T) {
	b, err := backend.Start(t.Context(), backend.Config{Name: "a", Cores: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	backends := []*backend.Backend{b}
	with := func(change func(*simulate.Reports, *simulate.Condition), ticks int) simulate.Load {
		s := &simulate.Scenario{Backends: []simulate.Backend{{Name: "a", Cores: 2, Speed: 1}}, Reports: &simulate.Reports{}}
		c := simulate.Healthy()
		change(s.Reports, &c)
		r := newReporter(s, 1)
		for range ticks {
			r.tick(backends, []simulate.Condition{c})
		}
		return r.mailboxes[0].take()
	}
	neighbour := func(c *simulate.Condition) { c.Taken = 1 } // of two cores
	nothing := noLoad()
	for name, test := range map[string]struct {
		change func(*simulate.Reports, *simulate.Condition)
		ticks  int
		want   simulate.Load
	}{
		"not yet":           {func(*simulate.Reports, *simulate.Condition) {}, 4, nothing},
		"idle":              {func(*simulate.Reports, *simulate.Condition) {}, 5, simulate.Load{}},
		"on its way":        {func(r *simulate.Reports, _ *simulate.Condition) { r.Delay = time.Second }, 9, nothing},
		"there":             {func(r *simulate.Reports, _ *simulate.Condition) { r.Delay = time.Second }, 10, simulate.Load{}},
		"lost":              {func(r *simulate.Reports, _ *simulate.Condition) { r.Missing = 1 }, 5, nothing},
		"neighbour":         {func(_ *simulate.Reports, c *simulate.Condition) { neighbour(c) }, 5, simulate.Load{Utilization: 0.5}},
		"hidden neighbour":  {func(_ *simulate.Reports, c *simulate.Condition) { neighbour(c); c.Hidden = true }, 5, simulate.Load{}},
		"scaled":            {func(_ *simulate.Reports, c *simulate.Condition) { neighbour(c); c.Claim = 0.2 }, 5, simulate.Load{Utilization: 0.1}},
		"zero":              {func(_ *simulate.Reports, c *simulate.Condition) { neighbour(c); c.Report = simulate.ReportZero }, 5, simulate.Load{}},
		"full":              {func(_ *simulate.Reports, c *simulate.Condition) { c.Report = simulate.ReportFull }, 5, simulate.Load{Utilization: 1}},
		"stopped":           {func(_ *simulate.Reports, c *simulate.Condition) { c.Report = simulate.ReportStop }, 5, nothing},
		"frozen from start": {func(_ *simulate.Reports, c *simulate.Condition) { c.Report = simulate.ReportFrozen }, 5, nothing},
		"away":              {func(_ *simulate.Reports, c *simulate.Condition) { c.Killed = true }, 5, nothing},
		"hanging":           {func(_ *simulate.Reports, c *simulate.Condition) { c.Hanging = true }, 5, nothing},
	} {
		t.Run(name, func(t *testing.T) {
			got := with(test.change, test.ticks)
			if diff := cmp.Diff(test.want, got, cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Connections are in flight, and messages are completed.
func TestReportsCountConnections(t *testing.T) {
	b, err := backend.Start(t.Context(), backend.Config{Name: "a", Cores: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	c, _, err := websocket.Dial(t.Context(), "ws://"+b.Addr()+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.CloseNow() }()
	if err := wsjson.Write(t.Context(), c, backend.Message{ID: 1}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := &simulate.Scenario{Backends: []simulate.Backend{{Name: "a", Cores: 2, Speed: 1}}, Reports: &simulate.Reports{}}
	r := newReporter(s, 1)
	for range ticksIn(r.period()) {
		r.tick([]*backend.Backend{b}, []simulate.Condition{simulate.Healthy()})
	}
	want := simulate.Load{Completed: 1, InFlight: 1}
	if diff := cmp.Diff(want, r.mailboxes[0].take()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
