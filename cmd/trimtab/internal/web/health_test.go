package web

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

func TestStuck(t *testing.T) {
	now := time.Unix(1000, 0)
	at := func(ago time.Duration) *tuner.Snapshot {
		return &tuner.Snapshot{Plan: scorer.Plan{Pool: "ws", Seq: 1, At: now.Add(-ago)}}
	}
	began := func(ago time.Duration) *tuner.Snapshot {
		return &tuner.Snapshot{Plan: scorer.Plan{Pool: "api"}, Started: now.Add(-ago)}
	}
	for _, tt := range []struct {
		name  string
		snaps []*tuner.Snapshot
		want  []string
	}{
		{name: "no pools"},
		{name: "on time", snaps: []*tuner.Snapshot{at(3 * time.Second), began(3 * time.Second), nil}},
		{
			name: "both late", snaps: []*tuner.Snapshot{at(3001 * time.Millisecond), began(5 * time.Second)},
			want: []string{
				"pool ws: last step 3.001s ago, want every 1s",
				"pool api: started without a step 5s ago, want every 1s",
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, stuck(tt.snaps, now, time.Second), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("reasons (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNotReady(t *testing.T) {
	for _, tt := range []struct {
		name string
		snap *tuner.Snapshot
		want []string
	}{
		{name: "good", snap: good()},
		{name: "nothing published", want: []string{"a pool has not started"}},
		{
			name: "no plan", snap: with(func(s *tuner.Snapshot) { s.Plan.Seq = 0 }),
			want: []string{"pool ws: no plan so far"},
		},
		{
			name: "no backends", snap: with(func(s *tuner.Snapshot) { s.Plan.Decisions = nil }),
			want: []string{"pool ws: no backends"},
		},
		{
			name: "no reports, and two targets in trouble",
			snap: with(func(s *tuner.Snapshot) {
				s.Reports = 0
				s.Targets[0].LastError = "set weight:\n timeout"
				s.Targets = append(s.Targets, tuner.TargetStatus{Name: "haproxy:/t"})
			}),
			want: []string{
				"pool ws: no load report so far",
				"pool ws: target haproxy:/s: set weight: timeout",
				"pool ws: target haproxy:/t: nothing applied so far",
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, notReady([]*tuner.Snapshot{tt.snap}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("reasons (-want +got):\n%s", diff)
			}
		})
	}
	if diff := cmp.Diff([]string{"no pool is running"}, notReady(nil)); diff != "" {
		t.Errorf("no pools (-want +got):\n%s", diff)
	}
}

func TestHealthAnswers(t *testing.T) {
	h := handler(t, options(with(func(s *tuner.Snapshot) {
		s.Plan.At = time.Now().Add(-time.Hour)
		s.Targets[0].LastError = "gone"
	})))
	for path, want := range map[string]string{
		"/healthz": "pool ws: last step 1h0m0",
		"/readyz":  "pool ws: target haproxy:/s: gone\n",
	} {
		w := ask(h, "GET", path)
		if body := w.Body.String(); w.Code != 503 || len(body) < len(want) || body[:len(want)] != want {
			t.Errorf("%s: %d %q, want 503 %q", path, w.Code, body, want)
		}
	}
}
