package realrun

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/stack"
)

func TestInForceCountsChanges(t *testing.T) {
	s := simulate.Scenario{Backends: []simulate.Backend{{Name: "a"}, {Name: "b"}}}
	healthy := []simulate.Condition{simulate.Healthy(), simulate.Healthy()}
	absent := []simulate.Condition{simulate.Healthy(), simulate.Healthy()}
	absent[1].Absent = true

	found := newInForce(&s)
	if diff := cmp.Diff([]float64{math.NaN(), math.NaN()}, found.drawable(healthy), cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("before anything was seen:\n%s", diff)
	}
	for _, look := range []struct {
		a, b    int
		counted bool
		pushes  int
	}{
		{100, 100, false, 0},
		{50, 100, false, 0}, // within the warm-up
		{60, 100, true, 1},
		{60, 0, true, 1},  // it goes
		{60, 90, true, 1}, // it comes back
		{70, 80, true, 3},
	} {
		found.found([]stack.Server{{Name: "b", Weight: look.b}, {Name: "stranger", Weight: 7}, {Name: "a", Weight: look.a}}, look.counted)
		if found.pushes != look.pushes {
			t.Errorf("%+v: %d changes", look, found.pushes)
		}
	}
	if diff := cmp.Diff([]float64{70, 0}, found.drawable(absent)); diff != "" {
		t.Errorf("weights (-want +got):\n%s", diff)
	}

	given := newInForce(&s)
	given.given([]int{100, 100}, nil, false)
	given.given([]int{100, 50}, absent, true)
	given.given([]int{0, 60}, healthy, true)
	if given.pushes != 2 {
		t.Errorf("%d changes were given, want 2", given.pushes)
	}
}
