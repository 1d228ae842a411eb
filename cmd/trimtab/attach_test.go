package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

func TestAttachWaitsForTheFirstStep(t *testing.T) {
	waiting := &tuner.Snapshot{Plan: scorer.Plan{Pool: "web"}}
	for name, c := range map[string]struct {
		after time.Duration
		then  *tuner.Snapshot
		waits time.Duration
		says  string
	}{
		"there":           {0, &tuner.Snapshot{Plan: scorer.Plan{Pool: "web", Seq: 1}}, 0, ""},
		"late":            {7 * time.Second, &tuner.Snapshot{Plan: scorer.Plan{Pool: "web", Seq: 1}}, 7 * time.Second, ""},
		"a proxy fails":   {time.Second, &tuner.Snapshot{Targets: []tuner.TargetStatus{{LastError: "gone"}}}, time.Second, ""},
		"a source fails":  {time.Second, &tuner.Snapshot{Sources: []tuner.SourceStatus{{LastError: "gone"}}}, time.Second, ""},
		"nothing to show": {time.Hour, nil, firstStep, "pool web: nothing has been learned"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				err := judgedOnce(t.Context(), func() []*tuner.Snapshot {
					if time.Since(began) >= c.after {
						return []*tuner.Snapshot{c.then}
					}
					return []*tuner.Snapshot{waiting}
				})
				if waited := time.Since(began); waited != c.waits {
					t.Errorf("waited %v, want %v", waited, c.waits)
				}
				if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
					t.Errorf("error %v, want %q", err, c.says)
				}
			})
		})
	}
}
