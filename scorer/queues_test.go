package scorer

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// machines share a load by weight and by nothing else, as behind round robin: what
// is too much for one waits there.
type machines struct {
	*rig
	// capacity is in requests per second, distance in seconds, scale what a
	// backend's reports are multiplied by; all by name.
	capacity, distance, scale map[string]float64
	// frozen are reports that only repeat themselves, silent who makes none.
	frozen  map[string]Report
	silent  map[string]bool
	waiting map[string]float64
	// percents is that reports are whole ones.
	percents bool
}

// service is how long an idle machine takes for a request, in seconds.
const service = 0.02

func newMachines(t testing.TB, config Config, capacity map[string]float64) *machines {
	m := &machines{
		rig: newRig(t, config, equalBackends(len(capacity))...), capacity: capacity,
		distance: map[string]float64{}, scale: map[string]float64{}, frozen: map[string]Report{}, silent: map[string]bool{}, waiting: map[string]float64{},
	}
	m.algorithm = RoundRobin
	return m
}

// second lets a second's work come, rate requests of it.
func (m *machines) second(rate float64) {
	m.t.Helper()
	weights, total := map[string]float64{}, 0.0
	for name := range m.capacity {
		weights[name] = 1
	}
	for _, d := range m.plan.Decisions {
		weights[d.Backend] = d.Weight
	}
	for _, w := range weights {
		total += w
	}
	counts := map[string]seen{}
	var own []Report
	for name, capacity := range m.capacity {
		came := rate * weights[name] / total
		done := min(m.waiting[name]+came, capacity)
		m.waiting[name] += came - done
		used := done / capacity
		counts[name] = seen{inFlight: done*(service/(1-min(used, 0.95)/2)+m.distance[name]) + m.waiting[name], completed: done}
		report, frozen := m.frozen[name]
		if !frozen {
			report = NewReport(name, "orca:"+name, m.now)
			report.Utilization, report.RPS = used, done
			if scale, ok := m.scale[name]; ok {
				report.Utilization *= scale
			}
			if m.percents {
				report.Utilization = math.Round(100*report.Utilization) / 100
			}
		}
		if !m.silent[name] {
			own = append(own, report)
		}
	}
	m.step(counts, own...)
}

func (m *machines) seconds(n int, rate float64) {
	m.t.Helper()
	for range n {
		m.second(rate)
	}
}

func (m *machines) report(name string) *reportState {
	return m.pool.capacity.states[m.pool.capacity.index[name]].report
}

func five() map[string]float64 {
	return map[string]float64{"s0": 200, "s1": 200, "s2": 200, "s3": 200, "s4": 200}
}

func TestAQueueIsWorkedOff(t *testing.T) {
	m := newMachines(t, Config{}, five())
	m.seconds(30, 650)
	m.capacity["s0"] = 100
	longest := 0.0
	for range 30 {
		m.second(650)
		longest = max(longest, m.waiting["s0"])
	}
	if m.waiting["s0"] > 0 || longest > 150 {
		t.Errorf("%.0f requests wait still, at most %.0f did", m.waiting["s0"], longest)
	}
	if got := m.decision("s0").Weight; math.Abs(got/(5.0/9)-1) > 0.12 {
		t.Errorf("weight %.2f, its capacity is worth %.2f", got, 5.0/9)
	}
}

func TestWhyNamesTheQueue(t *testing.T) {
	m := newMachines(t, Config{}, five())
	m.seconds(30, 650)
	m.capacity["s0"] = 100
	const want = "for how long its requests take beside the others'"
	for range 5 {
		m.seconds(1, 650)
		if strings.Contains(m.decision("s0").Why, want) {
			return
		}
	}
	t.Errorf("why = %q, and never %q", m.decision("s0").Why, want)
}

func TestWhatALiarGets(t *testing.T) {
	for name, test := range map[string]struct {
		scale     float64
		trust     bool
		low, high float64
	}{
		"little use":               {scale: 0.2, low: 0.9, high: 1.45},
		"little use, trusted":      {scale: 0.2, trust: true, low: 2, high: 5},
		"much use":                 {scale: 4, low: 0.3, high: 1.1},
		"little less than it uses": {scale: 0.9, low: 0.9, high: 1.3},
		"the truth":                {scale: 1, low: 0.95, high: 1.05},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachines(t, Config{Trust: test.trust}, five())
			m.scale["s0"] = test.scale
			m.seconds(120, 800)
			longest := 0.0
			for range 120 {
				m.seconds(1, 800)
				for _, waiting := range m.waiting {
					longest = max(longest, waiting)
				}
			}
			if got := m.decision("s0").Weight; got < test.low || got > test.high {
				t.Errorf("weight %.2f, want from %.1f to %.1f: %s", got, test.low, test.high, m.decision("s0").Why)
			}
			if !test.trust && longest > 60 {
				t.Errorf("up to %.0f requests waited at one of them", longest)
			}
		})
	}
}

// Far is not overloaded, and neither is who has slow cores, however much stronger
// than configured.
func TestFarIsNotLate(t *testing.T) {
	capacity := map[string]float64{"s0": 800, "s1": 200, "s2": 200, "s3": 200, "s4": 200}
	m := newMachines(t, Config{}, capacity)
	m.distance["s0"] = 0.06
	m.seconds(300, 1100)
	if got := m.decision("s0").Weight; math.Abs(got-2.5) > 0.15 {
		t.Errorf("weight %.2f, its capacity is worth 2.5: %s", got, m.decision("s0").Why)
	}
}

func TestARepeatedReportIsNone(t *testing.T) {
	m := newMachines(t, Config{}, five())
	m.seconds(60, 300)
	last := NewReport("s0", "orca:s0", m.now)
	last.Utilization, last.RPS = 0.3, 60
	m.frozen["s0"] = last
	m.seconds(30, 600)
	if !m.report("s0").repetition.suspect(m.pool.constants) {
		t.Error("a report that said the same while the load doubled is not suspected")
	}
	m.capacity["s0"] = 100
	m.seconds(60, 600)
	if got, fair := m.decision("s0").Weight, 5.0/9; got > 1.5*fair || m.waiting["s0"] > 10 {
		t.Errorf("weight %.2f where the capacity is worth %.2f, and %.0f requests wait", got, fair, m.waiting["s0"])
	}
	delete(m.frozen, "s0")
	m.seconds(30, 600)
	if m.report("s0").repetition.suspect(m.pool.constants) {
		t.Error("still suspected when it measures again")
	}
	if got, fair := m.decision("s0").Weight, 5.0/9; math.Abs(got/fair-1) > 0.15 {
		t.Errorf("weight %.2f, its capacity is worth %.2f", got, fair)
	}
}

// What is known of a backend does not become untrue by its silence.
func TestReportsThatStopAreRemembered(t *testing.T) {
	capacity := map[string]float64{"s0": 400, "s1": 200, "s2": 200, "s3": 100}
	m := newMachines(t, Config{}, capacity)
	m.seconds(60, 600)
	before := m.decision("s0").Weight
	m.silent["s0"] = true
	m.seconds(120, 600)
	if why := m.decision("s0").Why; !strings.Contains(why, "before they stopped") {
		t.Errorf("why = %q", why)
	}
	if got := m.decision("s0").Weight; math.Abs(got/before-1) > 0.05 {
		t.Errorf("weight %.2f without reports, %.2f with them", got, before)
	}
}

// Percents are coarse, and may stay the same for long without being repeated.
func TestWholePercentsAreMeasured(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMachines(quietly{}, Config{}, five())
		m.percents = true
		// Below full: who is nearly that, and has no queue, is not told from who says so.
		base := rapid.Float64Range(20, 700).Draw(t, "rate")
		swing := rapid.Float64Range(0, min(0.9, 900/base-1)).Draw(t, "swing")
		period := rapid.Float64Range(20, 2000).Draw(t, "period")
		for second := range 150 {
			m.second(base * (1 + swing*math.Sin(float64(second)/period)))
			for name := range m.capacity {
				if r := m.report(name); r != nil && r.repetition.suspect(m.pool.constants) {
					t.Fatalf("second %d: %s is taken for a repetition of %v", second, name, r.repetition.value)
				}
			}
		}
	})
}

// quietly is for rigs that cannot fail.
type quietly struct{ testing.TB }

func (quietly) Helper() {}

// However wild the counts, what queues add to a share is bounded: relief only takes,
// and the guard leads no further than to the configured share.
func TestQueuesAreBounded(t *testing.T) {
	wild := func(t *rapid.T, name string) float64 {
		return rapid.OneOf(
			rapid.Float64Range(0, 2000),
			rapid.SampledFrom([]float64{0, 1e-9, 1e12, math.NaN(), math.Inf(1)}),
		).Draw(t, name)
	}
	rapid.Check(t, func(t *rapid.T) {
		k := DefaultConstants()
		law := newCapacity(&k)
		law.witness = byQueues
		law.trusts = rapid.Bool().Draw(t, "trusts")
		in := make([]Observation, rapid.IntRange(1, 4).Draw(t, "backends"))
		now := start
		for range 30 {
			for i := range in {
				in[i] = Observation{
					Backend: equalBackends(4)[i].Name, Capacity: 1, Share: 1, InService: rapid.Bool().Draw(t, "in service"), Settled: true,
					Seconds: 1, Completed: wild(t, "completed"), InFlight: wild(t, "in flight"),
					Utilization: wild(t, "utilization"), Served: wild(t, "served"), Reported: rapid.Bool().Draw(t, "reported"),
				}
			}
			now = now.Add(time.Second)
			for i, w := range law.Weights(now, in) {
				if !(w > 0) || math.IsInf(w, 0) {
					t.Fatalf("weight %v", w)
				}
				s := &law.states[i]
				if s.queue.relief > 0 || s.queue.relief < -maxLog-0.1 || math.Abs(s.queue.guard) > maxLog {
					t.Fatalf("relief %v, guard %v", s.queue.relief, s.queue.guard)
				}
				if s.report.fresh(now, &k) && law.trusts && s.queue.correction() != 0 {
					t.Fatalf("a trusted report is corrected by %v", s.queue.correction())
				}
			}
		}
	})
}

func TestTheGuardLeadsToTheConfiguredShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		published := rapid.Float64Range(-3, 3).Draw(t, "published")
		q := queue{guard: rapid.Float64Range(-10, 10).Draw(t, "guard")}
		k := DefaultConstants()
		got := q.apply(published, true, false, &k)
		if got*published < -1e-12 || math.Abs(got) > math.Abs(published)+1e-12 {
			t.Errorf("%v became %v, want it between that and 0", published, got)
		}
	})
}

// asIs are machines that have had these weights from before the first step.
func asIs(t *testing.T, capacity map[string]float64) *machines {
	m := newMachines(t, Config{Kind: KindRequests}, capacity)
	var shares []Share
	for name := range capacity {
		m.silent[name] = true
		shares = append(shares, Share{Backend: name, Weight: 1})
	}
	m.pool.Applied("t", InForce{Origin: "haproxy:a", Algorithm: RoundRobin, Shares: shares})
	return m
}

func TestWhyNamesNoReportThatNobodyMakes(t *testing.T) {
	m := asIs(t, map[string]float64{"s0": 200, "s1": 200, "s2": 200, "s3": 100})
	m.seconds(20, 500)
	for _, d := range m.plan.Decisions {
		if want := "times its configured share, learned from how long its requests take beside the others'"; !strings.HasSuffix(d.Why, want) {
			t.Errorf("%s: %q, want %q", d.Backend, d.Why, want)
		}
	}
}

// A queue that was there when a proxy was last heard of is not one that lasts.
func TestSilenceIsNoQueue(t *testing.T) {
	m := asIs(t, map[string]float64{"s0": 200, "s1": 200, "s2": 200, "s3": 100})
	m.seconds(6, 500)
	guard := func() float64 { return m.pool.capacity.states[3].queue.guard }
	before := guard()
	if before >= 0 {
		t.Fatalf("guard %v, the test needs a queue", before)
	}
	for range 60 {
		m.step(nil)
	}
	if got := guard(); got != before {
		t.Errorf("guard %.2f after a minute without a word, %.2f before", got, before)
	}
}

// Who reports less often than steps are made is relieved meanwhile, too.
func TestReliefLastsUntilTheNextReport(t *testing.T) {
	m := asIs(t, five())
	m.seconds(30, 650)
	m.capacity["s0"] = 50
	m.seconds(3, 650)
	relief := func() float64 { return m.pool.capacity.states[0].queue.relief }
	before := relief()
	if before >= 0 {
		t.Fatalf("relief %v, the test needs a queue", before)
	}
	if m.step(nil); relief() != before {
		t.Errorf("relief %.2f in a step without a word, %.2f before", relief(), before)
	}
	for range 12 {
		m.step(nil)
	}
	if relief() != 0 {
		t.Errorf("relief %.2f when nothing has been heard for long", relief())
	}
}

// From rest, the little that comes in the morning does not show in whole per cents.
func TestWorkThatBeginsIsNoRepetition(t *testing.T) {
	m := newMachines(t, Config{Kind: KindRequests}, five())
	second := func(done float64) {
		counts := map[string]seen{}
		var own []Report
		for name := range m.capacity {
			counts[name] = seen{inFlight: 0.005 * done, completed: done}
			report := NewReport(name, "orca:"+name, m.now)
			report.Utilization = 0.01
			own = append(own, report)
		}
		m.step(counts, own...)
	}
	for range 20 {
		second(0)
	}
	for range 30 {
		second(2)
	}
	if r := m.report("s0").repetition; r.suspect(m.pool.constants) {
		t.Errorf("suspected after %d reports", r.times)
	}
}
