package scorer

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

var (
	start  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	within = cmpopts.EquateApprox(0, 1e-9)
)

func TestSlowStart(t *testing.T) {
	for _, test := range []struct {
		name   string
		joined time.Time
		age    time.Duration
		over   time.Duration
		want   float64
	}{
		{"there from the start", time.Time{}, time.Hour, 10 * time.Second, 1},
		{"just joined", start, 0, 10 * time.Second, 0.1},
		{"half way", start, 5 * time.Second, 10 * time.Second, 0.5},
		{"done", start, 11 * time.Second, 10 * time.Second, 1},
		{"switched off", start, 0, -1, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := slowStart(test.joined, start.Add(test.age), test.over, 0.1); got != test.want {
				t.Errorf("slowStart = %v, want %v", got, test.want)
			}
		})
	}
}

func TestStaleTrust(t *testing.T) {
	for _, test := range []struct {
		name string
		age  time.Duration
		want float64
	}{
		{"never reported", -1, 0},
		{"fresh", time.Second, 1},
		{"held", 10 * time.Second, 1},
		{"one time constant past", 40 * time.Second, math.Exp(-1)},
		{"long gone", time.Hour, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := staleTrust(test.age, 10*time.Second, 30*time.Second)
			if !cmp.Equal(got, test.want, within) {
				t.Errorf("staleTrust(%v) = %v, want %v", test.age, got, test.want)
			}
		})
	}
}

func TestPanicking(t *testing.T) {
	for _, test := range []struct {
		usable, all int
		want        bool
	}{{0, 0, false}, {5, 5, false}, {3, 5, false}, {2, 5, true}, {1, 2, false}, {0, 1, true}} {
		if got := panicking(test.usable, test.all, 1); got != test.want {
			t.Errorf("panicking(%d of %d) = %v, want %v", test.usable, test.all, got, test.want)
		}
	}
}

func TestFailuresAreRelativeToTheRest(t *testing.T) {
	after := func(done, failed float64, steps int) failures {
		var f failures
		var keep fading
		for range steps {
			f.add(done, failed, keep.over(1, new(DefaultConstants())))
		}
		return f
	}
	for _, test := range []struct {
		name      string
		one, rest failures
		failing   bool
		spare     float64
	}{
		{"healthy", after(100, 0, 5), after(400, 0, 5), false, 1},
		{"one fails all", after(400, 400, 2), after(100, 0, 2), true, 0.1},
		{"all fail alike", after(100, 33, 20), after(400, 132, 20), false, 1},
		{"fails a tenth", after(100, 10, 20), after(400, 0, 20), false, 0.9},
		{"fails half where the rest fails a fifth", after(100, 50, 20), after(400, 80, 20), false, 0.7},
		{"one failure in hardly any traffic", after(0.5, 0.5, 2), after(2, 0, 2), false, 0.1},
		{"fails all of little traffic for long", after(0.5, 0.5, 60), after(2, 0, 60), true, 0.1},
	} {
		t.Run(test.name, func(t *testing.T) {
			all := test.one
			all.quick.include(test.rest.quick)
			all.slow.include(test.rest.slow)
			if got := test.one.failing(all, new(DefaultConstants())); got != test.failing {
				t.Errorf("failing = %v, want %v", got, test.failing)
			}
			if got := test.one.spare(all, new(DefaultConstants())); !cmp.Equal(got, test.spare, cmpopts.EquateApprox(0, 0.01)) {
				t.Errorf("spare = %v, want %v", got, test.spare)
			}
		})
	}
}

func TestEjectionReadmitsAfterThreeGoodPulses(t *testing.T) {
	e := newEjection(start, new(DefaultConstants()))
	healthyFrom := start.Add(20 * time.Second)
	var pulses []time.Duration
	for at := time.Second; at <= 2*time.Minute; at += time.Second {
		now := start.Add(at)
		done, failed := 0.0, 0.0
		if !e.pulsed.IsZero() && now.Sub(e.pulsed) == time.Second {
			done = 10
			if now.Before(healthyFrom) {
				failed = 10
			}
		}
		pulse, readmit := e.step(now, done, failed, 0, 1, true)
		if pulse > 0 {
			pulses = append(pulses, at)
		}
		if readmit {
			// Bad at 5 s (wait 10 s) and 16 s (wait 20 s), good at 37, 38, 39 s.
			want := []time.Duration{5, 16, 37, 38, 39}
			for i := range want {
				want[i] *= time.Second
			}
			if diff := cmp.Diff(want, pulses); diff != "" {
				t.Errorf("pulses (-want +got):\n%s", diff)
			}
			if at != 40*time.Second {
				t.Errorf("readmitted after %v, want 40s", at)
			}
			return
		}
	}
	t.Fatalf("never readmitted; pulses at %v", pulses)
}

func TestEjectionOpensLongerWhenNobodyCame(t *testing.T) {
	e := newEjection(start, new(DefaultConstants()))
	var got []time.Duration
	for at := time.Second; at <= 40*time.Second; at += time.Second {
		if pulse, _ := e.step(start.Add(at), 0, 0, 0, 1, true); pulse > 0 {
			got = append(got, pulse)
		}
	}
	want := []time.Duration{50, 100, 200, 400, 800, 800}
	for i := range want {
		want[i] *= time.Millisecond
	}
	if diff := cmp.Diff(want, got[:min(len(want), len(got))]); diff != "" {
		t.Errorf("pulses (-want +got):\n%s", diff)
	}
}

func TestEjectionStuckRequestsAreNoGoodSign(t *testing.T) {
	e := newEjection(start, new(DefaultConstants()))
	inFlight := 3.0 // since before it was ejected
	for at := time.Second; at <= 8*time.Second; at += time.Second {
		pulse, readmit := e.step(start.Add(at), 0, 0, inFlight, 1, true)
		if readmit {
			t.Fatal("readmitted although its requests never came back")
		}
		if pulse > 0 {
			inFlight += 2
		}
	}
	if e.delay != 2*DefaultConstants().FirstDelay {
		t.Errorf("delay = %v, want it doubled to %v", e.delay, 2*DefaultConstants().FirstDelay)
	}
}

// What hangs from before says nothing of a pulse, neither while it stays nor when it
// fails at last.
func TestEjectionForgivesWhatHungBefore(t *testing.T) {
	e := newEjection(start, new(DefaultConstants()))
	hanging := 9.0
	for at := time.Second; at <= 20*time.Second; at += time.Second {
		done, failed := 0.0, 0.0
		if !e.pulsed.IsZero() {
			done, failed = 7, 3 // four requests of the pulse, and three that time out
			hanging -= 3
		}
		if _, readmit := e.step(start.Add(at), done, failed, hanging, 1, true); readmit {
			return
		}
		if e.delay != DefaultConstants().FirstDelay {
			t.Fatalf("after %v a good pulse counts as a bad one", at)
		}
	}
	t.Error("never readmitted")
}

func TestEjectionWithoutPulsesNeedsHealthRequests(t *testing.T) {
	e := newEjection(start, new(DefaultConstants()))
	for at := time.Second; at <= time.Hour; at += time.Second {
		if pulse, readmit := e.step(start.Add(at), 0, 0, 0, 1, false); pulse > 0 || readmit {
			t.Fatalf("pulse %v, readmit %v without a target that can pulse", pulse, readmit)
		}
	}
	for range int(DefaultConstants().GoodPulses) {
		e.probed(start.Add(time.Hour), true)
	}
	if _, readmit := e.step(start.Add(time.Hour), 0, 0, 0, 1, false); !readmit {
		t.Error("three good health requests do not readmit")
	}
}

func TestDeadband(t *testing.T) {
	var d deadband
	in := []heldLog{
		{want: 0.30, held: 0.28, width: 0.05, known: true}, // inside its band
		{want: 0.20, held: 0.10, width: 0.05, known: true}, // has left it
		{want: 0.19, held: 0.23, width: 0.05, known: true}, // wants less than one that moved, has more
		{want: 0.21, held: 0.17, width: 0.05, known: true}, // wants more, has less
		{want: -0.4, width: 0.05},                          // new
	}
	d.move(in)
	want := []float64{0.28, 0.20, 0.20, 0.20, -0.4}
	var got []float64
	for _, h := range in {
		got = append(got, h.held)
	}
	if diff := cmp.Diff(want, got, within); diff != "" {
		t.Errorf("held (-want +got):\n%s", diff)
	}
}

func TestDeadbandHoldsStill(t *testing.T) {
	var d deadband
	in := []heldLog{{want: 0.04, held: 0, width: 0.05, known: true}, {want: 0, held: 0.02, width: 0.05, known: true}}
	before := []heldLog{in[0], in[1]}
	d.move(in)
	if diff := cmp.Diff(before, in, cmp.AllowUnexported(heldLog{})); diff != "" {
		t.Errorf("a pool inside its bands has moved (-want +got):\n%s", diff)
	}
}

func TestFitKeepsEveryBoundAndAMeanOfOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Limits{
			Floor:   rapid.Float64Range(0.001, 1).Draw(t, "floor"),
			Ceiling: rapid.Float64Range(1, 50).Draw(t, "ceiling"),
			Step:    rapid.Float64Range(0.01, 3).Draw(t, "step"),
		}
		n := rapid.IntRange(1, 40).Draw(t, "n")
		in := make([]bounded, n)
		for i := range in {
			in[i].wish = math.Exp(rapid.Float64Range(-8, 8).Draw(t, "wish"))
			in[i].low, in[i].high = stepBounds(l, 1)
		}
		fit(in, l)
		var sum float64
		for i := range in {
			if in[i].weight < in[i].low-1e-9 || in[i].weight > in[i].high+1e-9 {
				t.Fatalf("weight %v outside %v..%v", in[i].weight, in[i].low, in[i].high)
			}
			sum += in[i].weight
		}
		if math.Abs(sum/float64(n)-1) > 1e-6 {
			t.Fatalf("mean %v, want 1", sum/float64(n))
		}
		for i := range in {
			for j := range in {
				if in[i].wish > in[j].wish && in[i].weight < in[j].weight-1e-9 {
					t.Fatalf("wish %v got %v, wish %v got %v", in[i].wish, in[i].weight, in[j].wish, in[j].weight)
				}
			}
		}
	})
}

func TestKind(t *testing.T) {
	for _, test := range []struct {
		name                          string
		configured                    Kind
		inFlight, completed, upgrades float64
		timed                         bool
		want                          Kind
	}{
		{"requests of 20 ms", KindAuto, 18, 900, 0, false, KindRequests},
		{"slow requests of 5 s", KindAuto, 13, 2.5, 0, false, KindRequests},
		{"sockets of 5 minutes", KindAuto, 3000, 10, 0, false, KindConnections},
		{"sockets of 7 s that the proxy saw upgraded", KindAuto, 1700, 240, 240, false, KindConnections},
		{"three pages a socket", KindAuto, 1700, 960, 240, false, KindConnections},
		{"three pages a socket, and their response times", KindAuto, 1700, 960, 240, true, KindRequests},
		{"sockets whose handshakes are timed", KindAuto, 1700, 240, 240, true, KindConnections},
		{"a rare socket", KindAuto, 30, 1000, 1, false, KindRequests},
		{"nothing completes", KindAuto, 50, 0, 0, false, KindConnections},
		{"nothing at all", KindAuto, 0, 0, 0, false, KindAuto},
		{"configured", KindRequests, 3000, 10, 0, false, KindRequests},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := newKindJudge(test.configured, new(DefaultConstants()))
			var got Kind
			for range 60 {
				got = k.judge(test.configured, &tally{inFlight: test.inFlight, completed: test.completed, upgrades: test.upgrades, seconds: 1, timed: test.timed})
			}
			if got != test.want {
				t.Errorf("kind = %v, want %v (stay %v s)", got, test.want, k.stay())
			}
		})
	}
}

// That nothing has completed yet says nothing of how long it stays: few requests take
// their time, and weights that are found stay until more is known.
func TestFewRequestsAreNotTakenForConnections(t *testing.T) {
	r := newRig(t, Config{}, equalBackends(2)...)
	r.pool.Applied("t", InForce{Origin: "haproxy:a", Algorithm: LeastConnections, Shares: []Share{{Backend: "s0", Weight: 1.5}, {Backend: "s1", Weight: 0.5}}})
	for second := range 8 {
		done := 0.0
		if second%4 == 3 {
			done = 1
		}
		r.step(map[string]seen{"s0": {0.3, done, 0, 0}, "s1": {0.3, 0, 0, 0}})
		if d := r.decision("s0"); r.plan.Kind != KindAuto || math.Abs(d.Weight-1.5) > 1e-9 {
			t.Errorf("second %d: kind %s, weight %.2f: %s", second, r.plan.Kind, d.Weight, r.plan.LawWhy)
		}
	}
}
