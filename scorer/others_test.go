package scorer

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func at(seconds int) time.Time {
	return time.Unix(1_000_000, 0).Add(time.Duration(seconds) * time.Second)
}

func observed(backend string, completed, failed, utilization float64) Observation {
	return Observation{
		Backend: backend, Capacity: 1, InService: true, Seconds: 1,
		Completed: completed, Failed: failed, Utilization: utilization, Reported: true,
	}
}

func silent(backend string) Observation {
	o := observed(backend, 0, 0, math.NaN())
	o.Seconds, o.Reported = 0, false
	return o
}

func check(t *testing.T, what string, want, got []float64) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-9, 0)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestA58Formula(t *testing.T) {
	config := DefaultA58()
	config.Smoothing = 1
	a := NewA58(config)
	in := []Observation{observed("a", 100, 0, 0.5), observed("b", 90, 10, 0.4), observed("c", 50, 0, 0.5)}
	for s := range 10 {
		check(t, "in the blackout", []float64{1, 1, 1}, a.Weights(at(s), in))
	}
	// 100/0.5, 100/(0.4 + 10/100), 50/0.5
	check(t, "after it", []float64{200, 200, 100}, a.Weights(at(10), in))
}

func TestA58WithoutWeight(t *testing.T) {
	for name, test := range map[string]struct {
		config A58Config
		want   float64
	}{
		"gRPC takes the mean":    {DefaultA58(), (100 + 200 + 600) / 3},
		"Envoy takes the median": {DefaultORCA(), 200},
	} {
		t.Run(name, func(t *testing.T) {
			test.config.Blackout = -1
			a := NewA58(test.config)
			in := []Observation{
				observed("a", 50, 0, 0.5), observed("b", 100, 0, 0.5), observed("c", 300, 0, 0.5),
				silent("d"), observed("idle", 0, 0, 0.5), observed("zero", 100, 0, 0),
			}
			check(t, "weights", []float64{100, 200, 600, test.want, test.want, test.want}, a.Weights(at(0), in))
		})
	}
}

func TestA58ForgetsAndBeginsAgain(t *testing.T) {
	a := NewA58(A58Config{Expiry: time.Minute})
	both := []Observation{observed("a", 100, 0, 0.5), observed("b", 50, 0, 0.5)}
	a.Weights(at(0), both)
	check(t, "known", []float64{200, 100}, a.Weights(at(10), both))
	both[0] = silent("a")
	a.Weights(at(11), both)
	check(t, "not expired", []float64{200, 100}, a.Weights(at(69), both))
	check(t, "expired: one is left, so round robin", []float64{1, 1}, a.Weights(at(70), both))
	both[0] = observed("a", 100, 0, 0.5)
	check(t, "blackout again", []float64{1, 1}, a.Weights(at(71), both))
	check(t, "known again", []float64{200, 100}, a.Weights(at(81), both))
	both[0].InService = false
	a.Weights(at(82), both)
	both[0].InService = true
	check(t, "blackout after being out", []float64{1, 1}, a.Weights(at(83), both))
}

func TestIdleIsAMovingAverageOfAPercentage(t *testing.T) {
	l := NewIdle()
	in := []Observation{observed("a", 1, 0, 0.2), observed("b", 1, 0, 1.5), silent("c")}
	check(t, "first answers", []float64{80, 1, 100}, l.Weights(at(0), in))
	in[0].Utilization = 0.7
	check(t, "0.2 + 0.3 · 0.5 is used", []float64{65, 1, 100}, l.Weights(at(1), in))
	in[0] = silent("a")
	check(t, "no answer", []float64{65, 1, 100}, l.Weights(at(2), in))
}

func TestUtilizationMovesTowardsTheMean(t *testing.T) {
	u := NewUtilization(UtilizationConfig{Proportional: 0.2, Range: 20})
	w := u.Weights(at(0), []Observation{observed("a", 1, 0, 0.25), observed("b", 1, 0, 0.75)})
	check(t, "a fifth of a half, each way", []float64{math.Exp(0.1), math.Exp(-0.1)}, w)
	w = u.Weights(at(1), []Observation{silent("a"), observed("b", 1, 0, 0.5)})
	check(t, "one alone is the mean", []float64{math.Exp(0.1), math.Exp(-0.1)}, w)
}

func TestUtilizationFindsCapacities(t *testing.T) {
	u := NewUtilization(DefaultUtilization())
	capacity := []float64{1, 2, 4}
	w := []float64{1, 1, 1}
	for s := range 200 {
		var in []Observation
		sum := w[0] + w[1] + w[2]
		for i, name := range []string{"a", "b", "c"} {
			in = append(in, observed(name, 1, 0, 2*w[i]/sum/capacity[i]))
		}
		w = u.Weights(at(s), in)
	}
	if math.Abs(w[1]/w[0]-2) > 0.01 || math.Abs(w[2]/w[0]-4) > 0.01 {
		t.Errorf("weights %v, want in proportion to 1, 2, 4", w)
	}
}

// Whatever is reported, weights are finite and not negative, and one for each.
func TestWeightsAreWeights(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		laws := []Law{NewA58(DefaultA58()), NewA58(DefaultORCA()), NewIdle(), NewUtilization(DefaultUtilization())}
		names := []string{"a", "b", "c", "d"}
		for s := range rapid.IntRange(1, 40).Draw(t, "steps") {
			var in []Observation
			for _, name := range names[:rapid.IntRange(1, 4).Draw(t, "backends")] {
				o := silent(name)
				if rapid.Bool().Draw(t, "reports") {
					o = observed(name, rapid.Float64Range(0, 1e4).Draw(t, "completed"), rapid.Float64Range(0, 1e4).Draw(t, "failed"), rapid.Float64Range(0, 5).Draw(t, "utilization"))
				}
				o.InService = rapid.Bool().Draw(t, "in service")
				in = append(in, o)
			}
			for _, law := range laws {
				w := law.Weights(at(s), in)
				if len(w) != len(in) {
					t.Fatalf("%T: %d weights for %d", law, len(w), len(in))
				}
				for i := range w {
					if !(w[i] > 0) || math.IsInf(w[i], 0) {
						t.Fatalf("%T: weight %v of %+v", law, w[i], in[i])
					}
				}
			}
		}
	})
}
