package daemon

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

func TestOnlyAdviceThatChangesIsTold(t *testing.T) {
	var said []string
	w := newScaleWatch(config.Pool{Name: "web", Scale: &config.Scale{}}, Options{
		Logger: slog.New(slog.DiscardHandler), OnEvent: func(e tuner.Event) { said = append(said, e.Pool+" "+string(e.Kind)+" "+e.Text) },
	})
	seq := uint64(0)
	take := func(a scorer.ScaleAdvice) {
		seq++
		for range 2 { // a snapshot is published more than once
			w.take(&scorer.Plan{Pool: "web", Seq: seq, At: time.Unix(1000, 0), Scale: &a})
		}
	}
	take(scorer.ScaleAdvice{Backends: 3, Why: "nothing is reported"})
	take(scorer.ScaleAdvice{Known: true, Backends: 3, Wanted: 3, Utilization: 0.6})
	take(scorer.ScaleAdvice{Known: true, Backends: 3, Wanted: 3, Utilization: 0.7})
	take(scorer.ScaleAdvice{Known: true, Backends: 3, Wanted: 4, Utilization: 0.8, Why: "80 % full, target 70 %: 1 more"})
	take(scorer.ScaleAdvice{Known: true, Backends: 4, Wanted: 4, Utilization: 0.6})
	want := []string{"web scale scale: 4 wanted of 3 (80 % full, target 70 %: 1 more)"}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	none := newScaleWatch(config.Pool{}, Options{})
	none.take(&scorer.Plan{})
}
