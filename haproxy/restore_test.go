package haproxy

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
	"github.com/trimtab-lb/trimtab/scorer"
)

// A reload comes between the last poll and the weights, and may carry these over: what
// was found is put back all the same, and who is drained stays so.
func TestRestoreRightAfterAReload(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		for _, test := range []struct {
			name             string
			carried, applied bool
		}{{"with configured weights", false, false}, {"that carries weights over", true, false}, {"and a plan", true, true}} {
			t.Run(test.name, func(t *testing.T) {
				state := filepath.Join(t.TempDir(), "state")
				in := start(t, instance.Options{
					Binary: binary, MasterWorker: true,
					Config: preamble + "  load-server-state-from-file global\nglobal\n  server-state-file " + state +
						"\nbackend ws\n  balance leastconn\n" + serverLines(3, "weight 100"),
				})
				want := func(s2, s3 int) {
					t.Helper()
					if err := errors.Join(wantWeight(t, in, "ws/s2", s2), wantWeight(t, in, "ws/s3", s3)); err != nil {
						t.Error(err)
					}
				}
				// HAProxy is looked at once, and when something is amiss.
				p := newProxy(t, Config{Socket: in.Socket(), PollInterval: time.Hour})
				b := p.Backend("ws")
				watched(t, b)
				plan := static(map[string]float64{"s1": 1, "s2": 0.5, "s3": 0})
				plan.Decisions[2].State, plan.Decisions[2].Drained = scorer.StateDraining, true
				apply(t, b, plan)
				if test.carried {
					if err := os.WriteFile(state, []byte(ask(t, in, "show servers state")+"\n"), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				reload(t, in)
				if test.carried {
					want(50, 0)
				} else {
					want(100, 100)
				}
				if test.applied {
					plan.Decisions[1].Weight = 0.25
					apply(t, b, plan)
					want(25, 0)
				}
				if err := b.Restore(t.Context()); err != nil {
					t.Error(err)
				}
				want(100, 0)
				if n := p.Stats().ExternalChanges; n != 0 {
					t.Errorf("%d weights were taken for someone's change", n)
				}
			})
		}
	})
}
