package scorer

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// scaleConstant multiplies the constant at an index.
func scaleConstant(k *Constants, index int, factor float64) {
	field := reflect.ValueOf(k).Elem().Field(index)
	if field.Kind() == reflect.Float64 {
		field.SetFloat(field.Float() * factor)
	} else {
		field.SetInt(int64(float64(field.Int()) * factor))
	}
}

func TestNewRefusesConstantsThatAreNone(t *testing.T) {
	all := reflect.TypeFor[Constants]()
	for i := range all.NumField() {
		for _, factor := range []float64{0, -1, math.NaN()} {
			if all.Field(i).Type.Kind() != reflect.Float64 && math.IsNaN(factor) {
				continue
			}
			k := DefaultConstants()
			scaleConstant(&k, i, factor)
			_, err := New(Config{Name: "web", Constants: &k})
			if err == nil || !strings.Contains(err.Error(), "pool web: constant "+all.Field(i).Name) {
				t.Errorf("%s times %v: %v, want an error that names it", all.Field(i).Name, factor, err)
			}
		}
	}
}

// disturbed is what a proxy counts of three backends, one of which fails for a while.
func disturbed(step int) map[string]seen {
	counts := map[string]seen{"s0": {4, 100, 0, 0}, "s1": {4, 60, 0, 0}, "s2": {4, 80, 0, 0}}
	if 30 <= step && step < 40 {
		counts["s2"] = seen{1, 300, 300, 0}
	}
	return counts
}

func plansWith(t *testing.T, k *Constants, change func()) []Plan {
	t.Helper()
	r := newRig(t, Config{Constants: k}, equalBackends(3)...)
	var out []Plan
	for i := range 60 {
		change()
		out = append(out, r.step(disturbed(i)))
	}
	return out
}

func TestConstantsAreTheDefaultsAndTheCallersOwn(t *testing.T) {
	want := plansWith(t, nil, func() {})
	k := DefaultConstants()
	got := plansWith(t, &k, func() { k.LatencyDrift *= 1.1 })
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("plans of a pool without constants and of one with the defaults, changed later (-want +got):\n%s", diff)
	}
	other := DefaultConstants()
	other.LatencyDrift *= 4
	if diff := cmp.Diff(want, plansWith(t, &other, func() {}), cmpopts.EquateNaNs()); diff == "" {
		t.Error("four times the drift makes no difference")
	}
}

// No promise of a plan depends on what the law was tuned with.
func TestPlansKeepTheirPromisesWhateverTheConstants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := DefaultConstants()
		for i := range reflect.TypeFor[Constants]().NumField() {
			scaleConstant(&k, i, math.Exp2(rapid.Float64Range(-2, 2).Draw(t, "log factor")))
		}
		n := rapid.IntRange(1, 6).Draw(t, "n")
		backends := equalBackends(n)
		r := &rig{t: ignore{}, now: start, algorithm: rapid.SampledFrom([]Algorithm{LeastConnections, Random, RoundRobin}).Draw(t, "algorithm")}
		var err error
		if r.pool, err = New(Config{Name: "pool", Constants: &k}); err != nil {
			t.Fatal(err)
		}
		r.pool.SetBackends(backends)
		var before map[string]Decision
		for step := range rapid.IntRange(1, 30).Draw(t, "steps") {
			counts := map[string]seen{}
			var own []Report
			for _, b := range backends {
				counts[b.Name] = drawCounts(t, b.Name)
				report := NewReport(b.Name, "orca:"+b.Name, r.now)
				report.Utilization = rapid.Float64Range(0, 2).Draw(t, "utilization")
				own = append(own, report)
			}
			plan := r.step(counts, own...)
			checkPlan(t, plan, DefaultLimits(), before, step)
			before = map[string]Decision{}
			for _, d := range plan.Decisions {
				before[d.Backend] = d
			}
		}
	})
}
