package scorer

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func planOf(weights ...float64) Plan {
	p := Plan{Law: LawCapacity}
	for i, w := range weights {
		p.Decisions = append(p.Decisions, Decision{Backend: fmt.Sprintf("s%02d", i), Weight: w, State: StateReady})
	}
	return p
}

func TestRounder(t *testing.T) {
	hundred := map[string]int{"s00": 100, "s01": 100, "s02": 100}
	for _, test := range []struct {
		name   string
		config RounderConfig
		adopt  map[string]int
		plans  []Plan
		want   []int
	}{
		{"largest is well inside the range", RounderConfig{Max: 256}, nil, []Plan{planOf(1.5, 0.75, 0.75)}, []int{160, 80, 80}},
		{"0 only for what gets nothing", RounderConfig{Max: 256}, nil, []Plan{planOf(2, 0.001, 0)}, []int{160, 1, 0}},
		{"near-equal becomes equal", RounderConfig{Max: 256}, nil, []Plan{planOf(1.02, 0.98, 1)}, []int{160, 160, 160}},
		{"weights that say the same are left alone", RounderConfig{Max: 256}, hundred, []Plan{planOf(1, 1, 1)}, []int{100, 100, 100}},
		{"ones are no scale for unequal shares", RounderConfig{Max: 256}, map[string]int{"s00": 1, "s01": 1}, []Plan{planOf(1.2, 0.8)}, []int{160, 107}},
		{"a common factor changes nothing", RounderConfig{Max: 256}, nil, []Plan{planOf(1.5, 0.75, 0.75), planOf(1.2, 0.6, 0.6)}, []int{160, 80, 80}},
		{"the scale is held", RounderConfig{Max: 256}, nil, []Plan{planOf(1.2, 0.9, 0.9), planOf(1.3, 0.85, 0.85)}, []int{184, 120, 120}},
		{"an exponent", RounderConfig{Max: 256, Exponent: 2}, nil, []Plan{planOf(1.2, 0.6)}, []int{160, 40}},
		{"one that moves leaves the others", RounderConfig{Max: 256}, nil, []Plan{planOf(1, 1, 1), planOf(1.05, 1.05, 0.9)}, []int{160, 160, 137}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := NewRounder(test.config)
			if test.adopt != nil {
				r.Adopt(test.adopt)
			}
			var got Rounded
			for _, p := range test.plans {
				got = r.Round(p, LeastConnections)
			}
			if diff := cmp.Diff(test.want, got.Weights); diff != "" {
				t.Errorf("weights (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRounderKeepsConfiguredWeightsApart(t *testing.T) {
	p := planOf(1.02, 0.98)
	p.Law = LawStatic
	if got := NewRounder(RounderConfig{Max: 256}).Round(p, LeastConnections); got.Weights[0] == got.Weights[1] {
		t.Errorf("weights %v: a person's 1.02 and 0.98 were made equal", got.Weights)
	}
}

func TestRounderIsTrueToThePlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := NewRounder(RounderConfig{Max: 256})
		n := rapid.IntRange(1, 12).Draw(t, "n")
		for range rapid.IntRange(1, 6).Draw(t, "plans") {
			weights := make([]float64, n)
			for i := range weights {
				weights[i] = math.Exp(rapid.Float64Range(-1.5, 1.5).Draw(t, "log"))
			}
			got := r.Round(planOf(weights...), LeastConnections)
			for i := range weights {
				if got.Weights[i] < 1 || got.Weights[i] > 256 {
					t.Fatalf("weight %d", got.Weights[i])
				}
				for j := range weights {
					wanted := math.Log(weights[i] / weights[j])
					given := math.Log(got.Shares[i] / got.Shares[j])
					// Two groups' widths at most, and the integers' own step.
					slack := r.constants.EqualWidth + r.constants.EqualKeep*2 + 0.5/float64(got.Weights[i]) + 0.5/float64(got.Weights[j]) + 0.01
					if math.Abs(wanted-given) > slack {
						t.Fatalf("plan %v: %v against %v wanted %.3f, given %.3f", weights, weights[i], weights[j], wanted, given)
					}
				}
			}
		}
	})
}
