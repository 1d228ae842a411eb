package realrun

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
)

// A report is there for a period and is taken once; without the next one there is
// nothing to be told.
func TestMailboxForgetsWhatIsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMailbox(time.Second)
		if _, ok := m.report(); ok || !math.IsNaN(m.take().Utilization) {
			t.Error("there is a report before the first")
		}
		m.put(simulate.Load{Utilization: 0.5, Completed: 3, Failed: 1, InFlight: 2})
		<-time.After(time.Second)
		want := backend.Report{CPUUtilization: 0.5, ApplicationUtilization: 0.5, RPS: 3, EPS: 1, Named: map[string]float64{"in_flight": 2}}
		got, ok := m.report()
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Errorf("a period later: %v (-want +got):\n%s", ok, diff)
		}
		if m.take().Utilization != 0.5 || !math.IsNaN(m.take().Utilization) {
			t.Error("a report is to be taken once")
		}
		<-time.After(time.Second)
		if _, ok := m.report(); ok {
			t.Error("two periods later it is still there")
		}
	})
}
