package scorer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// town is backends with connections that come back after they were closed, and
// controllers that see it as it was some time ago.
type town struct {
	now         time.Time
	random      *rand.Rand
	shares      []float64
	held        []float64
	opened      []float64 // in this step
	away        []time.Time
	life        float64 // of a connection, in seconds; 0 is for ever
	delay       int
	views       [][]holding
	config      ShedConfig
	controllers []*shedder
	// asked is how many were asked of each backend in this step, closed in all.
	asked  []int
	closed int
	seq    uint64
}

func newFarm(seed uint64, shares, held []float64, config ShedConfig, delay int) *town {
	f := &town{
		now: start, random: rand.New(rand.NewPCG(seed, 1)), shares: shares, held: slices.Clone(held),
		opened: make([]float64, len(held)), asked: make([]int, len(held)), config: config.withDefaults(), delay: delay,
	}
	for k := range f.config.Sharers {
		f.controllers = append(f.controllers, newShedder(seed+uint64(k)))
	}
	return f
}

// step is a second: clients come back to where there is most room, then controllers
// act on what they see.
func (f *town) step(change func(*permission, []holding)) []Shedding {
	f.now = f.now.Add(time.Second)
	clear(f.opened)
	f.churn()
	f.away = slices.DeleteFunc(f.away, func(at time.Time) bool {
		if at.After(f.now) {
			return false
		}
		f.place()
		return true
	})
	f.views = append(f.views, f.view())
	if len(f.views) <= f.delay {
		return nil
	}
	seen := f.views[len(f.views)-1-f.delay]
	f.seq++
	clear(f.asked)
	var out []Shedding
	for _, c := range f.controllers {
		in := slices.Clone(seen)
		p := permission{config: f.config, recording: true, seq: f.seq}
		if change != nil {
			change(&p, in)
		}
		c.see(f.now, in, 1, float64(f.config.Sharers), false)
		out = append(out, c.step(f.now, 1, in, p))
		for i, v := range c.verdicts {
			f.asked[i] += v.count
			for range v.count {
				f.held[i]--
				f.closed++
				f.leave()
			}
			c.states[in[i].name].closings.tell(Closed{Seq: f.seq, At: f.now.Add(500 * time.Millisecond), Count: v.count})
		}
	}
	return out
}

func (f *town) leave() {
	back := time.Duration((0.5 + 4.5*f.random.Float64()) * float64(time.Second))
	f.away = append(f.away, f.now.Add(back))
}

func (f *town) churn() {
	if f.life == 0 {
		return
	}
	for i := range f.held {
		for range int(f.held[i]) {
			if f.random.Float64() < 1/f.life {
				f.held[i]--
				f.leave()
			}
		}
	}
}

func (f *town) place() {
	best := -1
	for i, s := range f.shares {
		if s > 0 && (best < 0 || f.held[i]/s < f.held[best]/f.shares[best]) {
			best = i
		}
	}
	f.held[best]++
	f.opened[best]++
}

func (f *town) view() []holding {
	out := make([]holding, len(f.held))
	sum := 0.0
	for _, s := range f.shares {
		sum += s
	}
	for i := range out {
		out[i] = holding{
			name: fmt.Sprintf("s%d", i), held: f.held[i], seen: f.now, opened: f.opened[i],
			share: f.shares[i] / sum, capacity: f.shares[i], utilization: 0.5, fresh: true,
		}
	}
	return out
}

// total is all that those who take part have, and who is on the way to them.
func (f *town) total() float64 {
	sum := float64(len(f.away))
	for i, h := range f.held {
		if f.shares[i] > 0 {
			sum += h
		}
	}
	return sum
}

// goal is a backend's part of all there are.
func (f *town) goal(i int) float64 {
	sum := 0.0
	for _, s := range f.shares {
		sum += s
	}
	return f.shares[i] / sum * f.total()
}

// least is what it takes, without churn.
func (f *town) least() float64 {
	sum := 0.0
	for i := range f.held {
		sum += max(f.held[i]-1.05*f.goal(i), 0)
	}
	return sum
}

func (f *town) imbalance() float64 {
	worst := 0.0
	for i := range f.held {
		if g := f.goal(i); g > 0 {
			worst = max(worst, f.held[i]/g)
		}
	}
	return worst
}

func TestShedderMovesWhatItTakes(t *testing.T) {
	for _, test := range []struct {
		name           string
		shares, held   []float64
		delay, sharers int
		within         int // seconds
		closed         float64
	}{
		{"a fifth one joins", []float64{1, 1, 1, 1, 1}, []float64{2500, 2500, 2500, 2500, 0}, 2, 1, 35, 1.06},
		{"and two trimtabs share the work", []float64{1, 1, 1, 1, 1}, []float64{2500, 2500, 2500, 2500, 0}, 2, 2, 50, 1.08},
		{"and four", []float64{1, 1, 1, 1, 1}, []float64{2500, 2500, 2500, 2500, 0}, 2, 4, 60, 1.10},
		{"one has double", []float64{1, 1, 1, 1, 1}, []float64{3334, 1667, 1667, 1666, 1666}, 2, 1, 45, 1.06},
		{"unequal after equal", []float64{8, 8, 4, 4, 2}, []float64{2000, 2000, 2000, 2000, 2000}, 2, 1, 60, 1.06},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFarm(1, test.shares, test.held, ShedConfig{Sharers: test.sharers}, test.delay)
			least, even := f.least(), 0
			for second := 1; second <= 180; second++ {
				f.step(nil)
				if f.imbalance() > 1.051 {
					even = second + 1
				}
			}
			t.Logf("closed %.3f of the least, even after %d s", float64(f.closed)/least, even)
			if even > test.within || float64(f.closed) > test.closed*least {
				t.Errorf("even after %d s, want %d; closed %.3f of the least, want %.2f", even, test.within, float64(f.closed)/least, test.closed)
			}
		})
	}
}

// Who leaves anyway is waited for.
func TestShedderWaitsForChurn(t *testing.T) {
	closedWith := func(life float64) float64 {
		f := newFarm(1, []float64{1, 1, 1, 1, 1}, []float64{2500, 2500, 2500, 2500, 0}, ShedConfig{}, 2)
		f.life = life
		least := f.least()
		for range 240 {
			f.step(nil)
		}
		if f.imbalance() > 1.06 {
			t.Errorf("life %v s: max/mean %.3f in the end", life, f.imbalance())
		}
		return float64(f.closed) / least
	}
	half, five := closedWith(1800), closedWith(300)
	t.Logf("closed of the least: %.3f at a life of 1800 s, %.3f at 300 s", half, five)
	if half > 0.9 || five > 0.15 {
		t.Errorf("closed %.3f of the least at a life of 1800 s, %.3f at 300 s: want churn to do more", half, five)
	}
}

func TestShedderLeavesABalancedFarmAlone(t *testing.T) {
	f := newFarm(1, []float64{1, 1, 1, 1}, []float64{1000, 1000, 1000, 1000}, ShedConfig{}, 2)
	f.life = 600
	for range 300 {
		f.step(nil)
	}
	if f.closed > 0 {
		t.Errorf("%d closed", f.closed)
	}
}

func TestShedderHolds(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*permission, []holding)
		want   string
	}{
		{"forbidden", func(p *permission, _ []holding) { p.held = "frozen" }, "frozen"},
		{"one is stale", func(_ *permission, in []holding) { in[2].fresh = false }, "s2: nothing new"},
		{"one is unknown", func(_ *permission, in []holding) { in[1].held = math.NaN() }, "s1: nothing new"},
		{"no room", func(_ *permission, in []holding) { in[3].utilization = 0.95 }, "at 95 %"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFarm(1, []float64{1, 1, 1, 1}, []float64{400, 400, 400, 0}, ShedConfig{}, 0)
			var last []Shedding
			for range 20 {
				last = f.step(test.change)
			}
			if f.closed != 0 || last[0].State != ShedHeld || !strings.Contains(last[0].Why, test.want) {
				t.Errorf("closed %d, %v: %q, want it held: %q", f.closed, last[0].State, last[0].Why, test.want)
			}
		})
	}
}

func TestShedderDoesNotShedForWhoIsTaken(t *testing.T) {
	f := newFarm(1, []float64{0.02, 1, 1, 1}, []float64{400, 400, 400, 400}, ShedConfig{}, 0)
	for range 30 {
		f.step(func(_ *permission, in []holding) { in[0].taken = true })
	}
	if why := f.controllers[0].verdicts[0].why; f.closed != 0 || !strings.Contains(why, "would not help") {
		t.Errorf("closed %d: %q", f.closed, why)
	}
}

// Where clients come back to the same backend, as by a cookie, closing does nothing.
func TestShedderGivesUpWhereClientsComeBack(t *testing.T) {
	f := newFarm(1, []float64{1, 1, 1, 1}, []float64{1000, 500, 500, 0}, ShedConfig{}, 0)
	why := ""
	for range 60 {
		f.step(nil)
		f.held[0] += float64(f.asked[0])
		f.away = nil
		if w := f.controllers[0].verdicts[0].why; strings.Contains(w, "came back") {
			why = w
		}
	}
	if f.closed > 450 || why == "" {
		t.Errorf("closed %d, %q", f.closed, why)
	}
}

// A dear connection that is closed along twice stops it all for a while.
func TestWandering(t *testing.T) {
	var w wandering
	now, always := start, func(string) bool { return true }
	at := func(on int, closed func(string) bool) string {
		now = now.Add(10 * time.Second)
		in := []holding{{name: "a", fair: 1}, {name: "b", fair: 1}, {name: "c", fair: 1}}
		in[on].dear = 0.5
		w.look(now, in, closed)
		return w.hold(now)
	}
	for i, step := range []struct {
		on   int
		want bool
	}{{0, false}, {0, false}, {1, false}, {1, false}, {2, true}, {2, true}} {
		if got := at(step.on, always); (got != "") != step.want {
			t.Fatalf("step %d: %q", i, got)
		}
	}
	now = now.Add(wanderedFor)
	if why := w.hold(now); why != "" {
		t.Errorf("held for ever: %q", why)
	}
	never := func(string) bool { return false }
	for i := range 9 {
		if why := at(i%3, never); why != "" {
			t.Fatalf("held although nobody was closed: %q", why)
		}
	}
}

func TestShedderKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 6).Draw(t, "backends")
		shares, held := make([]float64, n), make([]float64, n)
		for i := range n {
			shares[i] = rapid.SampledFrom([]float64{0, 0.5, 1, 1, 1, 2, 8}).Draw(t, "share")
			held[i] = float64(rapid.IntRange(0, 400).Draw(t, "held"))
		}
		shares[0] = 1
		config := ShedConfig{
			Rate:    rapid.SampledFrom([]float64{0.002, 0.01, 0.1, 1}).Draw(t, "rate"),
			Sharers: rapid.IntRange(1, 3).Draw(t, "sharers"),
		}
		f := newFarm(rapid.Uint64().Draw(t, "seed"), shares, held, config, rapid.IntRange(0, 4).Draw(t, "delay"))
		churns := rapid.Bool().Draw(t, "churns")
		if churns {
			f.life = rapid.Float64Range(20, 2000).Draw(t, "life")
		}
		least, total := f.least(), f.total()
		for i := range n {
			if shares[i] == 0 {
				total += held[i] // they come when they end
			}
		}
		before := make([]float64, n)
		for second := range 90 {
			copy(before, f.held)
			f.step(nil)
			sum := 0
			for i, count := range f.asked {
				sum += count
				switch {
				case count < 0 || float64(count) > before[i]+f.opened[i]:
					t.Fatalf("second %d: %d asked of %v", second, count, before[i])
				case count > 0 && shares[i] == 0:
					t.Fatalf("second %d: asked of one that takes no part", second)
				case count > 0 && !churns && f.delay == 0 && config.Sharers == 1 && f.held[i] < math.Floor(f.goal(i)):
					t.Fatalf("second %d: backend %d has %v left, its part is %v", second, i, f.held[i], f.goal(i))
				}
			}
			if most := f.config.Rate*total*1.01 + float64(2*config.Sharers); float64(sum) > most {
				t.Fatalf("second %d: %d asked, the rate allows %v", second, sum, most)
			}
		}
		if most := f.config.Rate*total*91 + float64(2*config.Sharers); float64(f.closed) > most {
			t.Fatalf("%d closed, the rate allows %v", f.closed, most)
		}
		if slack := 6*float64(n) + 0.05*total; !churns && float64(f.closed) > 1.25*least+slack {
			t.Fatalf("%d closed, %.0f is the least", f.closed, least)
		}
	})
}

// Once even, a town that nobody leaves is left alone. Where a part of a connection is
// still too many it is a matter of chance when that one is closed, and by whom.
func TestShedderDoesNotOscillate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 6).Draw(t, "backends")
		shares, held := make([]float64, n), make([]float64, n)
		for i := range n {
			shares[i] = 1
			held[i] = float64(rapid.IntRange(0, 600).Draw(t, "held"))
		}
		f := newFarm(rapid.Uint64().Draw(t, "seed"), shares, held,
			ShedConfig{Sharers: rapid.IntRange(1, 3).Draw(t, "sharers"), Rate: 0.1}, rapid.IntRange(0, 4).Draw(t, "delay"))
		var last []Shedding
		for range 120 {
			last = f.step(nil)
		}
		before, total, left := f.closed, 0.0, 0.0
		for i := range held {
			total += held[i]
		}
		if slices.ContainsFunc(last, func(s Shedding) bool { return s.State != ShedBalanced }) {
			for i := range f.held {
				left += math.Ceil(max(0, f.held[i]-f.config.StopBelow*total/float64(n)))
			}
		}
		for range 60 {
			f.step(nil)
		}
		if closed := f.closed - before; float64(closed) > left {
			t.Fatalf("%d more closed after it was even but for %v (%v)", closed, left, f.held)
		}
	})
}

// Whatever the shares and limits, nobody has more than it may, nothing is lost while
// there is room, and who is not full has its share of what is left.
func TestPartsKeepToLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := make([]holding, rapid.IntRange(1, 6).Draw(t, "backends"))
		room := 0.0
		for i := range in {
			in[i].share = rapid.SampledFrom([]float64{0, 0.01, 0.2, 1, 3}).Draw(t, "share")
			in[i].limit = rapid.SampledFrom([]float64{0, 1, 10, 100, 1000}).Draw(t, "limit")
			switch {
			case in[i].share > 0 && in[i].limit == 0:
				room = math.Inf(1)
			case in[i].share > 0:
				room += in[i].limit
			}
		}
		total := rapid.Float64Range(0, 3000).Draw(t, "total")
		s := newShedder(1)
		s.part(in, total)
		sum, level := 0.0, math.NaN()
		for i, goal := range s.goals {
			sum += goal
			limited := in[i].limit > 0 && goal >= in[i].limit
			if in[i].limit > 0 && goal > in[i].limit || in[i].share == 0 && goal != 0 {
				t.Fatalf("goals %v of %+v", s.goals, in)
			}
			if in[i].share == 0 || limited {
				continue
			}
			if math.IsNaN(level) {
				level = goal / in[i].share
			}
			if math.Abs(goal/in[i].share-level) > 1e-6*(1+level) {
				t.Fatalf("goals %v of %+v are not by share", s.goals, in)
			}
		}
		if want := min(total, room); math.Abs(sum-want) > 1e-6*(1+want) {
			t.Fatalf("goals %v of %+v are %v together, want %v", s.goals, in, sum, want)
		}
	})
}

func TestShedderMovesWhatMayBeHad(t *testing.T) {
	f := newFarm(1, []float64{1, 1, 1, 1}, []float64{500, 500, 500, 0}, ShedConfig{Rate: 0.1}, 1)
	var last []Shedding
	for range 60 {
		last = f.step(func(_ *permission, in []holding) { in[3].limit = 100 })
	}
	if last[0].State != ShedBalanced || !strings.Contains(last[0].Why, "s3 may have no more than 100") || f.closed > 48 || f.closed < 38 {
		t.Errorf("%+v, %d closed", last[0], f.closed)
	}
}

// Who was closed has not left by itself, however late that is told.
func TestClosingsToldLateAreNotChurn(t *testing.T) {
	for name, lateBy := range map[string]time.Duration{"in time": 0, "after the view that shows them": time.Second, "seconds after": 4 * time.Second} {
		t.Run(name, func(t *testing.T) {
			s := newShedder(1)
			held, told := 100.0, []Closed{}
			for second := range 30 {
				now := start.Add(time.Duration(second) * time.Second)
				told = slices.DeleteFunc(told, func(c Closed) bool {
					if due := !c.At.Add(lateBy).After(now); !due {
						return false
					}
					s.states["s0"].closings.tell(c)
					return true
				})
				s.see(now, []holding{{name: "s0", held: held, seen: now.Add(-50 * time.Millisecond), share: 1, capacity: 1, fresh: true}}, 1, 1, false)
				if second%6 == 5 { // all are closed before the next view
					s.states["s0"].closings.ask(uint64(second), now, 1, 8)
					told = append(told, Closed{Seq: uint64(second), At: now.Add(800 * time.Millisecond), Count: 7})
					held -= 7
				}
			}
			if leaving := s.states["s0"].leaving.value; math.Abs(leaving) > 0.03 {
				t.Errorf("%.3f a second are said to leave by themselves", leaving)
			}
		})
	}
}
