package scorer

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// farm is backends that share a load by their capacities.
func farm(load float64, capacities ...float64) []ScaleBackend {
	var room float64
	for _, c := range capacities {
		room += c
	}
	var out []ScaleBackend
	for i, c := range capacities {
		out = append(out, ScaleBackend{
			Backend: fmt.Sprintf("s%02d", i), Capacity: c, Utilization: load / room, InFlight: 100 * load * c / room, InService: true,
		})
	}
	return out
}

func ones(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = 1
	}
	return out
}

func newScaler(t testing.TB, c ScaleConfig) *Scaler {
	t.Helper()
	s, err := NewScaler(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhatIsNeeded(t *testing.T) {
	idle := func(in []ScaleBackend, i int) []ScaleBackend {
		in[i].InService, in[i].Utilization = false, math.NaN()
		return in
	}
	for _, tt := range []struct {
		name string
		in   []ScaleBackend
		// capacity is what the load needs.
		capacity float64
		want     int
		spare    string
	}{
		{"all are needed", farm(3, 1, 1, 1, 1), 4, 4, ""},
		{"two more", farm(3, 1, 1, 1, 1), 5.5, 6, ""},
		{"exactly one more", farm(3, 1, 1, 1, 1), 5, 5, ""},
		{"one would do", farm(1, 1, 1, 1, 1), 0.5, 1, "s00"},
		{"one can be spared", farm(1, 1, 1, 1, 1), 2.8, 3, "s00"},
		{"but not without a margin", farm(1, 1, 1, 1, 1), 2.9, 4, ""},
		{"the smallest holds least", farm(3, 4, 4, 1), 7.6, 2, "s02"},
		{"the median is what comes next", farm(8, 8, 4, 4, 1), 22, 6, ""},
		{"who is out holds nothing", idle(farm(3, 1, 1, 1, 1), 2), 2.5, 3, "s02"},
		{"who is out is missed", idle(farm(3, 1, 1, 1, 1), 2), 3.5, 5, ""},
		{"nothing to do", farm(0, 1, 1, 1), 0, 1, "s00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := needOf(tt.in, tt.capacity)
			if got := n.choose("", n.count < len(tt.in)); n.count != tt.want || got != tt.spare {
				t.Errorf("%d are needed and %q is spared, want %d and %q", n.count, got, tt.want, tt.spare)
			}
		})
	}
}

// play advises every second and returns what was wanted each time.
func play(s *Scaler, seconds int, at func(second int) []ScaleBackend) []ScaleAdvice {
	var out []ScaleAdvice
	for i := range seconds {
		out = append(out, s.Advise(start.Add(time.Duration(i)*time.Second), at(i)))
	}
	return out
}

func TestMoreIsWantedAfterAWhileAndFewerAfterLonger(t *testing.T) {
	s := newScaler(t, ScaleConfig{UpAfter: 20 * time.Second, DownAfter: 60 * time.Second, Horizon: -1})
	out := play(s, 400, func(second int) []ScaleBackend {
		if second >= 100 && second < 200 {
			return farm(4.4, ones(4)...) // needs 6.3
		}
		return farm(2.7, ones(4)...) // needs 3.9
	})
	first := func(from, wanted int) int {
		for i := from; i < len(out); i++ {
			if out[i].Wanted == wanted {
				return i
			}
		}
		return -1
	}
	up, down := first(0, 7), first(200, 4)
	t.Logf("up after %d s, down after %d s", up-100, down-200)
	if up < 120 || up > 160 || down < 260 || down > 300 {
		t.Errorf("7 wanted at %d s and 4 again at %d s", up, down)
	}
	if got := out[100+10].Why; !strings.Contains(got, "when that has lasted 20s") {
		t.Errorf("meanwhile it says %q", got)
	}
	if got := out[up].Why; !strings.Contains(got, "target 70 %: 3 more") {
		t.Errorf("then it says %q", got)
	}
}

func TestARiseIsLookedAheadTo(t *testing.T) {
	rising := func(second int) []ScaleBackend { return farm(2+0.004*float64(second), ones(5)...) }
	wanted := func(horizon time.Duration) (at int, a ScaleAdvice) {
		s := newScaler(t, ScaleConfig{UpAfter: time.Second, Horizon: horizon})
		for i, a := range play(s, 600, rising) {
			if a.Wanted > 5 {
				return i, a
			}
		}
		return -1, ScaleAdvice{}
	}
	late, _ := wanted(-1)
	early, a := wanted(2 * time.Minute)
	t.Logf("a sixth is wanted after %d s, without looking ahead after %d s", early, late)
	if late-early < 80 || late-early > 130 {
		t.Errorf("looking 120 s ahead gains %d s", late-early)
	}
	if !strings.Contains(a.Why, "and rising") || a.Ahead < a.Utilization*1.1 {
		t.Errorf("%+v", a)
	}
}

func TestNoiseIsNoRise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		noise := rapid.SliceOfN(rapid.Float64Range(-0.3, 0.3), 300, 300).Draw(t, "noise")
		s, err := NewScaler(ScaleConfig{UpAfter: 30 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range play(s, 300, func(second int) []ScaleBackend { return farm(3*(1+noise[second]), ones(5)...) }) {
			if i > 60 && a.Ahead > 1.5*a.Utilization+0.2 {
				t.Fatalf("at %d s: %+v", i, a)
			}
		}
	})
}

func TestSettingsThatMakeNoSense(t *testing.T) {
	for says, c := range map[string]ScaleConfig{
		"target_utilization 1.5": {TargetUtilization: 1.5},
		"min -1":                 {Min: -1},
		"max 2":                  {Min: 3, Max: 2},
	} {
		if _, err := New(Config{Name: "p", Scale: &c}); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "pool p") {
			t.Errorf("error %v, want one that says %s", err, says)
		}
	}
}

func TestNothingIsWantedOfTheUnknown(t *testing.T) {
	silent := farm(3, ones(4)...)
	for i := range silent {
		silent[i].Utilization = math.NaN()
	}
	half := farm(3, ones(4)...)
	half[0].Utilization, half[1].Utilization = math.NaN(), math.NaN()
	down := farm(3, ones(2)...)
	down[0].InService, down[1].InService = false, false
	for says, in := range map[string][]ScaleBackend{
		"report no utilization": silent, "most backends report": half, "no backend is in service": down, "no backends": nil,
	} {
		if a := newScaler(t, ScaleConfig{}).Advise(start, in); a.Known || a.Wanted != 0 || a.Spare != "" || !strings.Contains(a.Why, says) {
			t.Errorf("%+v, want it to say %q", a, says)
		}
	}
	most := farm(3, ones(4)...)
	most[0].Utilization = math.NaN()
	if a := newScaler(t, ScaleConfig{}).Advise(start, most); !a.Known || math.Abs(a.Utilization-0.75) > 1e-9 {
		t.Errorf("who is silent is taken for as full as the others: %+v", a)
	}
}

// drawFarm draws capacities and settings.
func drawFarm(t *rapid.T) ([]float64, ScaleConfig) {
	capacities := rapid.SliceOfN(rapid.Float64Range(0.2, 8), 1, 12).Draw(t, "capacities")
	c := ScaleConfig{
		TargetUtilization: rapid.Float64Range(0.3, 1).Draw(t, "target"),
		Min:               rapid.IntRange(1, 4).Draw(t, "min"),
		UpAfter:           time.Duration(rapid.IntRange(0, 20).Draw(t, "up")) * time.Second,
		DownAfter:         time.Duration(rapid.IntRange(0, 40).Draw(t, "down")) * time.Second,
		Horizon:           time.Duration(rapid.IntRange(0, 60).Draw(t, "horizon")) * time.Second,
	}
	if rapid.Bool().Draw(t, "bounded") {
		c.Max = c.Min + rapid.IntRange(0, 20).Draw(t, "max")
	}
	return capacities, c
}

// Whoever does as advised comes to rest. Where all are alike, what is wanted never
// turns on the way; where they differ, a new one of another size may turn it.
func TestConstantLoadComesToRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		capacities, c := drawFarm(t)
		load := rapid.Float64Range(0, 15).Draw(t, "load")
		size := rapid.Float64Range(0.5, 4).Draw(t, "size of a new one")
		alike := rapid.Bool().Draw(t, "alike")
		for i := range capacities {
			if alike {
				capacities[i] = size
			}
		}
		names := map[string]float64{}
		for i, capacity := range capacities {
			names[fmt.Sprintf("s%02d", i)] = capacity
		}
		joined := len(names)
		s, err := NewScaler(c)
		if err != nil {
			t.Fatal(err)
		}
		turns, direction, wanted, lastChange := 0, 0, 0, 0
		const length = 1500
		for second := range length {
			var room float64
			for _, capacity := range names {
				room += capacity
			}
			// What is learned of capacities has an arbitrary unit.
			unit := float64(1 + len(names))
			var in []ScaleBackend
			for name, capacity := range names {
				in = append(in, ScaleBackend{name, capacity * unit, load / room, load * capacity / room, true})
			}
			a := s.Advise(start.Add(time.Duration(second)*time.Second), in)
			if a.Wanted < c.Min || c.Max > 0 && a.Wanted > c.Max {
				t.Fatalf("%d wanted, bounds %d to %d", a.Wanted, c.Min, c.Max)
			}
			if wanted != 0 && a.Wanted != wanted {
				lastChange = second
				now := 1
				if a.Wanted < wanted {
					now = -1
				}
				if direction != 0 && now != direction {
					turns++
				}
				direction = now
			}
			wanted = a.Wanted
			switch {
			case second%45 != 44: // an autoscaler takes its time
			case a.Wanted > len(names):
				for len(names) < a.Wanted {
					names[fmt.Sprintf("s%02d", joined)] = size
					joined++
				}
			case a.Spare != "":
				delete(names, a.Spare)
			}
		}
		if lastChange > length*4/5 || alike && turns > 0 {
			t.Fatalf("%d turns, the last change after %d s, %d backends at the end", turns, lastChange, len(names))
		}
	})
}

// With a pool that nobody changes, constant load has one answer.
func TestConstantLoadChangesItsMindOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		capacities, c := drawFarm(t)
		load := rapid.Float64Range(0, 40).Draw(t, "load")
		s, err := NewScaler(c)
		if err != nil {
			t.Fatal(err)
		}
		changes, wanted := 0, 0
		for _, a := range play(s, 300, func(int) []ScaleBackend { return farm(load, capacities...) }) {
			if wanted != 0 && a.Wanted != wanted {
				changes++
			}
			wanted = a.Wanted
		}
		if changes > 1 {
			t.Fatalf("%d changes", changes)
		}
	})
}

func TestMoreLoadNeverWantsFewer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		capacities, c := drawFarm(t)
		loads := rapid.SliceOfN(rapid.Float64Range(0, 30), 60, 60).Draw(t, "loads")
		factor := rapid.Float64Range(1, 3).Draw(t, "more")
		less, err := NewScaler(c)
		if err != nil {
			t.Fatal(err)
		}
		more, err := NewScaler(c)
		if err != nil {
			t.Fatal(err)
		}
		a := play(less, len(loads), func(second int) []ScaleBackend { return farm(loads[second], capacities...) })
		b := play(more, len(loads), func(second int) []ScaleBackend { return farm(factor*loads[second], capacities...) })
		for i := range a {
			if b[i].Wanted < a[i].Wanted {
				t.Fatalf("at %d s %d are wanted, and %d with %.2f times the load", i, a[i].Wanted, b[i].Wanted, factor)
			}
		}
	})
}

// Whoever is named can go: the others hold all of the load under the target.
func TestTheOthersHoldWhatTheSparedOneHad(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		capacities, c := drawFarm(t)
		loads := rapid.SliceOfN(rapid.Float64Range(0, 30), 1, 8).Draw(t, "loads")
		out := rapid.IntRange(-1, len(capacities)-1).Draw(t, "out of service")
		s, err := NewScaler(c)
		if err != nil {
			t.Fatal(err)
		}
		at := func(second int) []ScaleBackend {
			in := farm(loads[second*len(loads)/400], capacities...)
			if out >= 0 {
				in[out].InService = false
			}
			return in
		}
		for i, a := range play(s, 400, at) {
			if a.Spare == "" {
				continue
			}
			var room, rest float64
			for _, b := range at(i) {
				if b.InService {
					room += b.Capacity
					if b.Backend != a.Spare {
						rest += b.Capacity
					}
				}
			}
			if full := a.Utilization * room / rest; full > s.config.TargetUtilization+1e-9 || len(capacities) == 1 || a.Wanted >= a.Backends {
				t.Fatalf("at %d s: %+v, the others would be %.3f full", i, a, full)
			}
		}
	})
}

func TestThePlanSaysWhatIsWanted(t *testing.T) {
	r := newRig(t, Config{Kind: KindRequests, Scale: &ScaleConfig{UpAfter: 5 * time.Second}}, equalBackends(3)...)
	for range 30 {
		var own []Report
		for i := range 3 {
			report := NewReport(fmt.Sprintf("s%d", i), "orca", r.now)
			report.Utilization = 0.9
			own = append(own, report)
		}
		r.step(physics(r.plan, map[string]float64{"s0": 100, "s1": 100, "s2": 100}, 200), own...)
	}
	if a := r.plan.Scale; a == nil || !a.Known || a.Backends != 3 || a.Wanted != 4 || math.Abs(a.Utilization-0.9) > 0.01 {
		t.Errorf("advice %+v, want 4 backends: 90 %% of 3 at 70 %%", a)
	}
	if plan := newRig(t, Config{}, equalBackends(2)...).step(nil); plan.Scale != nil {
		t.Errorf("advice %+v that nobody asked for", plan.Scale)
	}
}

// The goal of a backend with a dear connection is small, and its capacity is not.
func TestScaleOfConnectionsCountsCapacities(t *testing.T) {
	r := newRig(t, Config{Kind: KindConnections, Scale: &ScaleConfig{}}, equalBackends(4)...)
	counts, own := sharing(0.9, 0.5, 0.5, 0.5)
	for range 60 {
		r.step(counts, own...)
	}
	if w := r.decision("s0").Weight; w > 0.6 {
		t.Fatalf("weight %v, the test needs a small goal", w)
	}
	if u := r.plan.Scale.Utilization; math.Abs(u-0.6) > 1e-6 {
		t.Errorf("%v full, want 0.6", u)
	}
}
