package status

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

func TestWhatIsSaidOfMovingConnections(t *testing.T) {
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	nan := math.NaN()
	s := &tuner.Snapshot{
		Plan: scorer.Plan{
			Pool: "ws", Seq: 9, Law: "capacity", Imbalance: 1.2,
			Shedding: scorer.Shedding{State: scorer.ShedActive, Asked: 3, Excess: 40, Rebalance: scorer.RebalanceRunning, Why: "40 too many"},
			Decisions: []scorer.Decision{
				{
					Backend: "s1", Weight: 1, InFlight: 140, Goal: 100, Score: 1.1, Shed: scorer.Shed{Count: 3, Why: "above its part"},
					Terms: []scorer.ScoreTerm{
						{Signal: "connections", Coefficient: 1, Value: 140, Multiple: 1.4},
						{Signal: "cpu", Coefficient: 0.5, Value: nan, Multiple: nan},
					},
				},
				{Backend: "s2", Goal: nan, Drain: &scorer.DrainProgress{Began: began, Until: began.Add(time.Minute), First: 100, Left: 60, Held: "frozen"}},
				{Backend: "s3", Goal: nan, Drain: &scorer.DrainProgress{Began: began, First: -1, Left: -1, Held: "nobody knows"}},
				{Backend: "s4", Goal: nan, Drain: &scorer.DrainProgress{Began: began, First: 5, Done: true}},
			},
		},
		Shed: map[string]tuner.ShedStatus{"s1": {Closed: 7, Failures: 1, LastError: "wrong token"}},
	}
	d := FromSnapshots("v", []*tuner.Snapshot{s})
	var table, explained strings.Builder
	if err := d.WriteTable(&table, TableOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := d.Pools[0].WriteExplanation(&explained, TableOptions{}); err != nil {
		t.Fatal(err)
	}
	for says, in := range map[string]string{
		"rebalance: running, active, 3 asked now, 40 to go (40 too many)": table.String(),
		"3 connections are asked to reconnect; wrong token":               table.String(),
		"60 of 100 left, until 12:01:00 UTC, held: frozen":                table.String(),
		"nobody knows":                       table.String(),
		"drained: it holds nothing any more": table.String(),
		"score 1.10 = (1 × connections 1.40) / 1, each per capacity as a multiple of the pool's; connections 140, cpu not reported": explained.String(),
		"connections: 140, its part of all is 100":                                       explained.String(),
		"shed: 7 asked to reconnect since the start, 3 now: above its part; wrong token": explained.String(),
	} {
		if !strings.Contains(in, says) {
			t.Errorf("lacks %q:\n%s", says, in)
		}
	}
	if p := d.Pools[0]; p.Backends[2].Drain.Left.Known() || p.Backends[1].Shed != nil || p.Backends[1].Drain.Left != 60 {
		t.Errorf("document %+v", p.Backends)
	}
	e := EstimateOf("ws", &scorer.ShedEstimate{Count: 4, From: []scorer.ShedMove{{Backend: "s1", Count: 4}}, Takes: 1500 * time.Millisecond})
	if e.Connections != 4 || e.From[0].Connections != 4 || e.To == nil || e.TakesSeconds != 1.5 {
		t.Errorf("estimate %+v", e)
	}
}
