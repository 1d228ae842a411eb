package scorer

import (
	"math"
	"strings"
	"testing"
)

// The laws of other systems find capacities where backends report honestly, and
// guards hold for them, too.
func TestLawsOfOthersSteerAPool(t *testing.T) {
	capacity := map[string]float64{"s0": 400, "s1": 400, "s2": 200, "s3": 200}
	for _, law := range []string{LawA58, LawIdle, LawUtilization, LawORCA} {
		t.Run(law, func(t *testing.T) {
			r := newRig(t, Config{Law: law}, equalBackends(4)...)
			step := func(silent, failing bool) {
				counts := physics(r.plan, capacity, 600)
				if failing {
					c := counts["s3"]
					c.failed = c.completed
					counts["s3"] = c
				}
				var own []Report
				for name, c := range capacity {
					report := NewReport(name, "orca", r.now)
					report.Utilization = counts[name].completed / c
					own = append(own, report)
				}
				if silent {
					own = nil
				}
				r.step(counts, own...)
			}
			step(true, false)
			if r.plan.Law != LawStatic || !strings.Contains(r.plan.LawWhy, "needs reports") {
				t.Errorf("law %q (%s) without reports", r.plan.Law, r.plan.LawWhy)
			}
			for range 60 {
				step(false, false)
			}
			ratio := r.decision("s0").Weight / r.decision("s2").Weight
			if r.plan.Law != law || math.IsNaN(ratio) || ratio < 1.3 || ratio > 2.7 {
				t.Errorf("law %q, ratio %.2f of backends of 2 to 1", r.plan.Law, ratio)
			}
			if why := r.decision("s0").Why; !strings.Contains(why, "by the law that is configured") {
				t.Errorf("why = %q", why)
			}
			for range 10 {
				step(false, true)
			}
			if d := r.decision("s3"); d.State != StateEjected {
				t.Errorf("who fails is %v", d.State)
			}
		})
	}
}
