package simulate

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Weights that become right in steps are timed from the change on.
func TestWatch(t *testing.T) {
	halved := Timeline(Change{At: 10 * time.Second, Do: func(c *Condition) { c.Speed = 0.5 }})
	s := &Scenario{Backends: []Backend{{Name: "a", Cores: 4, Speed: 1}, {Name: "b", Cores: 4, Speed: 1, Condition: halved}}}
	w := NewWatch(s)
	for tick := 0; tick <= 30*ticksPerStep; tick++ {
		at := time.Duration(tick) * Tick
		conditions := []Condition{s.Condition(0, at), s.Condition(1, at)}
		w.Notice(at, conditions)
		if tick%ticksPerStep != 0 {
			continue
		}
		weights := []int{100, 100}
		if at >= 13*time.Second {
			weights[1] = 50
		}
		w.Steered(at, conditions, Steering{Weights: weights})
	}
	want := []Convergence{{At: 10 * time.Second, Backends: []string{"b"}, After: 3 * time.Second}}
	if diff := cmp.Diff(want, w.Convergence()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
