package demo

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func found(p Proxy, untouched, trimtab, known, errorShare float64, valid bool) Result {
	return Result{
		Proxy: p, Valid: valid, Attempts: 1,
		Stacks: []Stack{
			{Name: Untouched, P99: untouched, Weights: []int{100, 100}},
			{Name: Trimtab, P99: trimtab, Weights: []int{256, 128}},
			{Name: Known, P99: known, Weights: []int{256, 128}},
		},
		Failure: Failure{
			Valid: true, Attempts: 1, Target: errorTarget, Met: errorShare <= errorTarget,
			Stacks: []FailureStack{{Name: Trimtab, ErrorShare: errorShare, Ejected: some(1.5)}},
		},
	}
}

func TestJudge(t *testing.T) {
	for name, test := range map[string]struct {
		result Result
		passed bool
		says   []string
	}{
		"all reached":     {found(HAProxy, 133, 94.4, 94.2, 0.005, true), true, []string{"0.710, to be at most 0.75: reached", "1.002, to be at most 1.06: reached", "0.50 %, to be at most 1 %: reached", "\nvalid:"}},
		"not the known":   {found(HAProxy, 133, 101, 94.2, 0.005, true), false, []string{"1.072, to be at most 1.06: MISSED"}},
		"not untouched":   {found(HAProxy, 100, 76, 75, 0.005, true), false, []string{"0.760, to be at most 0.75: MISSED"}},
		"too many errors": {found(HAProxy, 133, 94.4, 94.2, 0.011, true), false, []string{"1.10 %, to be at most 1 %: MISSED"}},
		"invalid":         {found(HAProxy, 133, 94.4, 94.2, 0.005, false), false, []string{"INVALID, so nothing above counts"}},
		"envoy reached":   {found(Envoy, 170, 112, 119, 0.005, true), true, []string{"0.659, to be at most 0.70: reached", "0.941, to be at most 1.00: reached", "Envoy's weights"}},
		"envoy missed":    {found(Envoy, 150, 112, 111, 0.005, true), false, []string{"0.747, to be at most 0.70: MISSED", "1.009, to be at most 1.00: MISSED"}},
		"nothing known":   {found(HAProxy, 133, 94.4, 0, 0.005, true), false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := test.result
			r.judge()
			if r.Passed != test.passed {
				t.Errorf("passed %v, want %v", r.Passed, test.passed)
			}
			var text bytes.Buffer
			if err := r.Write(&text); err != nil {
				t.Fatal(err)
			}
			for _, s := range append(test.says, "256 128", "1.5", "never") {
				if !strings.Contains(text.String(), s) {
					t.Errorf("no %q in:\n%s", s, text.String())
				}
			}
		})
	}
}

func TestResultIsReadBackFromJSON(t *testing.T) {
	want := found(HAProxy, 133, 94.4, 94.2, 0.005, true)
	want.LabCPU = some(math.NaN())
	want.judge()
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Result
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
