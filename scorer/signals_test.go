package scorer

import (
	"fmt"
	"maps"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func proxyReport(origin string, at time.Duration, inFlight, rps float64) Report {
	r := NewReport("s0", origin, start.Add(at))
	r.ByProxy, r.Interval, r.InFlight, r.RPS, r.EPS = true, 200*time.Millisecond, inFlight, rps, 0
	return r
}

func limited(origin string, limit float64) Report {
	r := proxyReport(origin, 400*time.Millisecond, 2, 10)
	r.Limit = limit
	return r
}

func TestSignalsMergeByOrigin(t *testing.T) {
	own := NewReport("s0", "orca", start.Add(900*time.Millisecond))
	own.Utilization, own.RPS, own.InFlight = 0.7, 999, 999
	cpuOnly := NewReport("s0", "agent", start.Add(900*time.Millisecond))
	cpuOnly.CPU, cpuOnly.Memory, cpuOnly.Named = 0.4, 0.3, map[string]float64{"gpu": 0.2}

	for _, test := range []struct {
		name    string
		reports []Report
		want    merged
	}{
		{
			"samples of one proxy are averaged",
			[]Report{proxyReport("a", 200*time.Millisecond, 2, 10), proxyReport("a", 400*time.Millisecond, 4, 30)},
			merged{proxies: 1, inFlight: 3, completed: 20, seconds: 0.4},
		},
		{
			"proxies add up",
			[]Report{proxyReport("a", 200*time.Millisecond, 2, 10), proxyReport("b", 200*time.Millisecond, 5, 40)},
			merged{proxies: 2, inFlight: 7, completed: 50, seconds: 0.2},
		},
		{
			"limits add up",
			[]Report{limited("a", 10), limited("b", 30)},
			merged{proxies: 2, inFlight: 4, completed: 20, seconds: 0.2, limit: 40},
		},
		{
			"who has no limit has none together with others",
			[]Report{limited("a", 10), proxyReport("b", 400*time.Millisecond, 2, 10)},
			merged{proxies: 2, inFlight: 4, completed: 20, seconds: 0.2},
		},
		{
			"a backend's own counts yield to a proxy's, its utilization stands",
			[]Report{own, proxyReport("a", 200*time.Millisecond, 2, 10)},
			merged{proxies: 1, inFlight: 2, completed: 10, seconds: 0.2, utilization: 0.7, reported: true, served: 999},
		},
		{
			"without a proxy its own counts stand",
			[]Report{own},
			merged{inFlight: 999, completed: 999, seconds: 1, utilization: 0.7, reported: true, served: 999},
		},
		{
			"cpu is utilization where nothing better is known",
			[]Report{cpuOnly},
			merged{seconds: 1, inFlight: math.NaN(), completed: math.NaN(), utilization: 0.4, cpu: 0.4, memory: 0.3, reported: true, named: map[string]float64{"gpu": 0.2}},
		},
		{
			"an older report never replaces a newer one",
			[]Report{proxyReport("a", 400*time.Millisecond, 4, 30), proxyReport("a", 200*time.Millisecond, 100, 100)},
			merged{proxies: 1, inFlight: 4, completed: 30, seconds: 0.2},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var s signals
			for _, r := range test.reports {
				s.observe(r)
			}
			got := closed(&s, start.Add(time.Second), 10*time.Second)
			test.want.latency, got.latency = 0, 0
			test.want.upgrades, got.upgrades = 0, 0
			test.want.failed, got.failed = 0, 0
			test.want.held, got.held = 0, 0
			test.want.seen, got.seen = time.Time{}, time.Time{}
			for _, value := range []*float64{&test.want.utilization, &test.want.cpu, &test.want.memory, &test.want.served, &test.want.limit} {
				if *value == 0 {
					*value = math.NaN()
				}
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(merged{}), cmpopts.EquateNaNs(), within); diff != "" {
				t.Errorf("merged (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHeldIsTheNewestCountOfAll(t *testing.T) {
	var s signals
	for _, r := range []Report{
		proxyReport("a", 200*time.Millisecond, 2, 10), proxyReport("b", 300*time.Millisecond, 5, 40),
		proxyReport("a", 400*time.Millisecond, 4, 10),
	} {
		s.observe(r)
	}
	got := closed(&s, start.Add(time.Second), 10*time.Second)
	if want := start.Add(300 * time.Millisecond); got.held != 9 || !got.seen.Equal(want) {
		t.Errorf("held %v at %v, want 9 at %v", got.held, got.seen, want)
	}
}

func TestSignalsAgeOneByOne(t *testing.T) {
	var s signals
	s.observe(proxyReport("a", 0, 2, 10))
	s.observe(proxyReport("b", 0, 5, 40))
	closed(&s, start, 10*time.Second)
	s.observe(proxyReport("b", 9*time.Second, 5, 40))
	if got := closed(&s, start.Add(9*time.Second), 10*time.Second); got.inFlight != 7 {
		t.Errorf("in flight %v, want a's repeated and b's: 7", got.inFlight)
	}
	s.observe(proxyReport("b", 11*time.Second, 5, 40))
	if got := closed(&s, start.Add(11*time.Second), 10*time.Second); got.inFlight != 5 || got.proxies != 1 {
		t.Errorf("in flight %v of %d proxies, want b's alone", got.inFlight, got.proxies)
	}
	s.observe(proxyReport("b", 200*time.Second, 5, 40))
	closed(&s, start.Add(200*time.Second), 10*time.Second)
	if len(s.streams) != 1 {
		t.Errorf("%d origins remembered, one of them is gone for good", len(s.streams))
	}
}

// Whichever reporter comes when, each is found again, and what is merged does not
// depend on who came first.
func TestSignalsFindTheirReporter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		origins := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-c]{0,3}`), 1, 12, rapid.ID[string]).Draw(t, "origins")
		var s signals
		newest := map[string]time.Duration{}
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			at := time.Duration(i) * time.Second
			if rapid.IntRange(0, 9).Draw(t, "step") == 0 {
				then := time.Duration(rapid.IntRange(0, i).Draw(t, "then")) * time.Second
				s.forget(start.Add(then))
				maps.DeleteFunc(newest, func(_ string, at time.Duration) bool { return at < then })
				continue
			}
			origin := rapid.SampledFrom(origins).Draw(t, "origin")
			s.observe(proxyReport(origin, at, 1, 1))
			newest[origin] = at
		}
		got := map[string]time.Duration{}
		for i := range s.streams {
			if i > 0 && s.streams[i-1].origin >= s.streams[i].origin {
				t.Fatalf("%q stands before %q", s.streams[i-1].origin, s.streams[i].origin)
			}
			got[s.streams[i].origin] = s.streams[i].at.Sub(start)
		}
		if diff := cmp.Diff(newest, got); diff != "" {
			t.Errorf("newest reports (-want +got):\n%s", diff)
		}
	})
}

func TestInFlightByKindOfReporter(t *testing.T) {
	var s signals
	for _, origin := range []string{"lrs:edge-1", "lrs:edge-2", "lrs-grpc:client-1", "haproxy:a", "orca"} {
		s.observe(proxyReport(origin, 0, float64(len(origin)), 1))
	}
	closed(&s, start, 10*time.Second)
	for origin, want := range map[string]float64{
		"lrs:*": 20, "lrs-grpc:*": 17, "haproxy:a": 9, "haproxy:*": 9, "lrs:edge-1": 10, "lrs:": 0, "": 0,
	} {
		if got := s.inFlightBy(origin); got != want {
			t.Errorf("%q has %v in flight, want %v", origin, got, want)
		}
	}
}

func TestScores(t *testing.T) {
	nan := math.NaN()
	type backend struct {
		capacity          float64
		connections, busy float64
	}
	maker := newScoreMaker(map[string]float64{signalConnections: 1, "cpu": 1, "memory": 0})
	for _, test := range []struct {
		name string
		in   []backend
		want []float64
	}{
		{"fair shares of unequal hosts", []backend{{8, 80, 0.5}, {2, 20, 0.5}}, []float64{1, 1}},
		{"one host does all the work", []backend{{1, 10, 0.8}, {1, 0, 0}}, []float64{2, 0}},
		{"few but dear connections", []backend{{1, 10, 0.9}, {1, 10, 0.3}}, []float64{1.25, 0.75}},
		{"one does not report its cpu", []backend{{1, 15, nan}, {1, 5, 0.6}}, []float64{1.5, 0.75}},
		{"nothing is known of one", []backend{{1, nan, nan}, {1, 5, 0.6}}, []float64{nan, 1}},
		{"nobody does anything", []backend{{1, 0, 0}, {1, 0, 0}}, []float64{nan, nan}},
	} {
		t.Run(test.name, func(t *testing.T) {
			maker.begin()
			for _, b := range test.in {
				maker.note(0, b.connections)
				maker.note(1, b.busy)
				maker.add(b.capacity)
			}
			if diff := cmp.Diff(test.want, maker.scores(), cmpopts.EquateNaNs(), within); diff != "" {
				t.Errorf("scores (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDearConnectionsLeaveRoom(t *testing.T) {
	law := newConnections(new(DefaultConstants()))
	in := []Observation{
		{Backend: "a", Capacity: 4, InService: true, InFlight: 100, Utilization: 0.75}, // a core is pinned
		{Backend: "b", Capacity: 4, InService: true, InFlight: 100, Utilization: 0.5},
		{Backend: "c", Capacity: 4, InService: true, InFlight: 100, Utilization: 0.5},
	}
	var got []float64
	for i := range 60 {
		got = law.Weights(start.Add(time.Duration(i)*time.Second), in)
	}
	// fair is 7/3 of load each; a's dear connection costs 1 of it.
	if want := 1 - 3.0/7; math.Abs(got[0]/got[1]-want) > 0.01 || got[1] != got[2] {
		t.Errorf("weights %v, want a at %.3f of the others", got, want)
	}
}

func closed(s *signals, now time.Time, limit time.Duration) merged {
	var out merged
	s.close(now, limit, &out)
	return out
}

// BenchmarkSignals takes a second's reports about one backend, five of each origin,
// and closes the window.
func BenchmarkSignals(b *testing.B) {
	for _, origins := range []int{1, 2, 100} {
		b.Run(fmt.Sprint(origins), func(b *testing.B) {
			var s signals
			var reports []Report
			for i := range origins {
				reports = append(reports, proxyReport(fmt.Sprint("lrs:edge-", i), 0, 4, 100))
			}
			now := start
			var out merged
			b.ReportAllocs()
			for b.Loop() {
				for range 5 {
					now = now.Add(200 * time.Millisecond)
					for i := range reports {
						reports[i].At = now
						s.observe(reports[i])
					}
				}
				s.close(now, 10*time.Second, &out)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*5*origins), "ns/report")
		})
	}
}
