package report

import (
	"bytes"
	"log/slog"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestAveragesFollowTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &meter{}
		m.set(0.2, 0.5, nil)
		r := reporter(t, Options{Meter: m, Window: 2 * time.Second})
		if l := r.Load(); !math.IsNaN(l.CPU) || l.Memory != 0.5 || !math.IsNaN(l.RPS) || !math.IsNaN(l.Utilization) {
			t.Errorf("at once: %+v, want memory and nothing that takes time", l)
		}
		pass(150 * time.Millisecond) // between two measurements
		if l := r.Load(); math.Abs(l.CPU-0.2) > 1e-9 || l.RPS != 0 {
			t.Errorf("after one measurement: %+v, want all of it", l)
		}
		pass(30 * time.Second)
		m.set(1.2, 0.5, nil)
		pass(2 * time.Second)
		// After one time constant, 1-1/e of the step.
		if got, want := r.Load().CPU, 0.2+1-1/math.E; math.Abs(got-want) > 0.001 {
			t.Errorf("CPU %.4f after a window, want %.4f", got, want)
		}
	})
}

func TestRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := reporter(t, Options{})
		for i := range 1000 { // 100 a second, every tenth fails
			q := r.Begin()
			q.End(i%10 == 0)
			q.End(true) // counts once
			pass(10 * time.Millisecond)
		}
		open := r.Begin()
		l := r.Load()
		// How many fall between two measurements is up to chance, 10 give or
		// take 1.
		if math.Abs(l.RPS-100) > 3 || math.Abs(l.EPS-10) > 3 || l.Named[NamedInFlight] != 1 {
			t.Errorf("%+v, want 100 and 10 a second and 1 in flight", l)
		}
		open.End(false)
		pass(20 * time.Second)
		if l := r.Load(); l.RPS > 1e-6 || l.Named[NamedInFlight] != 0 {
			t.Errorf("%+v, want nothing any more", l)
		}
	})
}

func TestMeterThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		m := &meter{}
		m.set(0.2, 0.5, nil)
		r := reporter(t, Options{Meter: m, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		m.set(0.2, 0.5, errGone)
		pass(time.Second)
		if l := r.Load(); !math.IsNaN(l.CPU) || !math.IsNaN(l.Memory) {
			t.Errorf("%+v, want neither CPU nor memory", l)
		}
		m.set(0.7, 0.5, nil)
		pass(time.Second)
		if l := r.Load(); math.Abs(l.CPU-0.7) > 1e-9 {
			t.Errorf("%+v, want CPU 0.7 and nothing of before", l)
		}
		if got := strings.Count(log.String(), errGone.Error()); got != 1 {
			t.Errorf("said %d times:\n%s", got, log.String())
		}
	})
}

func TestWhatTheApplicationSays(t *testing.T) {
	r := reporter(t, Options{})
	r.SetUtilization(0.75)
	if err := r.SetNamed("queue", 12); err != nil {
		t.Fatal(err)
	}
	r.SetDraining(true)
	a, b := r.Connect(nil), r.Connect(nil)
	a.SetCost(0.25)
	b.SetCost(1)
	want := Unknown()
	want.Utilization, want.Draining = 0.75, true
	want.Named = map[string]float64{"queue": 12, "in_flight": 0, "connections": 2, "connection_cost": 1.25, "connection_cost_max": 1, "draining": 1}
	ignore := cmpopts.IgnoreFields(Load{}, "At", "RPS", "EPS")
	if diff := cmp.Diff(want, r.Load(), cmpopts.EquateNaNs(), ignore); diff != "" {
		t.Errorf("load (-want +got):\n%s", diff)
	}
	b.End()
	b.End()
	b.SetCost(5)
	a.SetCost(math.NaN())
	r.SetUtilization(math.Inf(1))
	r.SetDraining(false)
	if err := r.SetNamed("queue", math.NaN()); err != nil {
		t.Fatal(err)
	}
	want = Unknown()
	want.Named = map[string]float64{"in_flight": 0, "connections": 1}
	if diff := cmp.Diff(want, r.Load(), cmpopts.EquateNaNs(), ignore); diff != "" {
		t.Errorf("withdrawn (-want +got):\n%s", diff)
	}
}

func TestNamesOfMetrics(t *testing.T) {
	r := reporter(t, Options{})
	for _, name := range []string{"", "a,b", "a=b", "a b", "a\n", `a"`, `a\`, "é", strings.Repeat("x", maxName+1)} {
		if err := r.SetNamed(name, 1); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
	for i := range maxNamed + 1 {
		err := r.SetNamed(strings.Repeat("x", i%100+1)+string(rune('a'+i/100)), 1)
		if (err != nil) != (i == maxNamed) {
			t.Errorf("metric %d: %v", i+1, err)
		}
	}
}

func TestOptions(t *testing.T) {
	for what, o := range map[string]Options{
		"window":    {Window: -1},
		"interval":  {Interval: -1},
		"leave":     {LeaveTimeout: -1},
		"rate":      {ShedRate: math.NaN()},
		"format":    {InBand: InBand{Format: "XML"}},
		"when":      {InBand: InBand{When: 9}},
		"shed rate": {ShedRate: -1},
	} {
		if r, err := New(o); err == nil {
			r.Close()
			t.Errorf("%s: %+v is taken", what, o)
		}
	}
}

func TestCloseTwiceAndAfter(t *testing.T) {
	r := reporter(t, Options{})
	r.Close()
	r.Close()
	q := r.Begin()
	q.End(false)
	r.Connect(nil).End()
	if l := r.Load(); l.Named[NamedConnections] != 0 {
		t.Errorf("%+v", l)
	}
}

// An average lies between the least and the most of what it is made of.
func TestAverageIsBetween(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a average
		least, most := math.Inf(1), math.Inf(-1)
		for range rapid.IntRange(1, 50).Draw(t, "values") {
			v := rapid.Float64Range(0, 1e6).Draw(t, "value")
			dt := time.Duration(rapid.Int64Range(1e6, 1e11).Draw(t, "dt"))
			a.add(v, dt, time.Second)
			least, most = min(least, v), max(most, v)
		}
		if got := a.value(); got < least-1e-6*most || got > most+1e-6*most {
			t.Fatalf("%v of values from %v to %v", got, least, most)
		}
	})
	if v := (&average{}).value(); !math.IsNaN(v) {
		t.Errorf("of nothing: %v", v)
	}
}

func TestBudget(t *testing.T) {
	now := time.Unix(1000, 0)
	for _, test := range []struct {
		name         string
		rate, most   float64
		first, later int // of 1000 wanted, at once and after half a second
	}{
		{"configured", 40, 1e6, 40, 20},
		{"a tenth of many", 0, 1000, 100, 50},
		{"few", 0, 3, 10, 5},
		{"less than one a second", 0.5, 0, 1, 0},
	} {
		b := budget{rate: test.rate}
		first := b.take(now, 1000, test.most)
		again := b.take(now, 1000, test.most)
		later := b.take(now.Add(time.Second/2), 1000, test.most)
		if first != test.first || again != 0 || later != test.later {
			t.Errorf("%s: %d, %d, %d, want %d, 0, %d", test.name, first, again, later, test.first, test.later)
		}
	}
}

// However it is asked, no more than the rate over any time, and one burst.
func TestBudgetIsNeverExceeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := budget{rate: rapid.Float64Range(1, 1000).Draw(t, "rate")}
		begun := time.Unix(1000, 0)
		now, granted := begun, 0
		for range rapid.IntRange(1, 50).Draw(t, "requests") {
			now = now.Add(time.Duration(rapid.Int64Range(0, 2e9).Draw(t, "wait")))
			wanted := rapid.IntRange(0, 2000).Draw(t, "wanted")
			got := b.take(now, wanted, 0)
			if got < 0 || got > wanted {
				t.Fatalf("granted %d of %d", got, wanted)
			}
			granted += got
		}
		if limit := b.rate * (1 + now.Sub(begun).Seconds()); float64(granted) > limit+1e-6 {
			t.Fatalf("granted %d within %v at %v a second", granted, now.Sub(begun), b.rate)
		}
	})
}
