package scenario

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// parsed is least with backends and events.
func parsed(t *testing.T, backends, events string) File {
	t.Helper()
	f, err := Parse("test.yaml", []byte(`
name: test
duration: 60s
warmup: 0s
backends: [`+backends+`]
traffic: [{kind: requests, rate: 5/s, demand: 1ms}]
events: [`+events+`]
`))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestExpand(t *testing.T) {
	f := parsed(t, "{name: a, cores: 1}, {name: b, count: 2, cores: 2}",
		"{at: 20s, every: 20s, backend: b, speed: 2}, {at: 10s, every: 5s, until: 16s, backend: a, speed: 3}, {at: 20s, backend: b-2, speed: 4}")
	before := parsed(t, "{name: a, cores: 1}, {name: b, count: 2, cores: 2}",
		"{at: 20s, every: 20s, backend: b, speed: 2}, {at: 10s, every: 5s, until: 16s, backend: a, speed: 3}, {at: 20s, backend: b-2, speed: 4}")
	got := f.Expand()
	if diff := cmp.Diff(before, f); diff != "" {
		t.Errorf("Expand changes its file:\n%s", diff)
	}
	if diff := cmp.Diff([]Backend{wellSet("a", 1), wellSet("b-1", 2), wellSet("b-2", 2)}, got.Backends); diff != "" {
		t.Errorf("backends: -want +got:\n%s", diff)
	}
	event := func(at time.Duration, backend string, speed float64) Event {
		return Event{At: at * time.Second, Backend: backend, Change: Change{Speed: &speed}}
	}
	want := []Event{
		event(10, "a", 3), event(15, "a", 3),
		event(20, "b-1", 2), event(20, "b-2", 2), event(20, "b-2", 4),
		event(40, "b-1", 2), event(40, "b-2", 2),
	}
	if diff := cmp.Diff(want, got.Events); diff != "" {
		t.Errorf("events: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(got, got.Expand()); diff != "" {
		t.Errorf("a second Expand changes it:\n%s", diff)
	}
}

func TestTimelines(t *testing.T) {
	type sight struct {
		at       int // seconds
		capacity float64
		present  bool
		down     bool
	}
	for name, test := range map[string]struct {
		backend, events string
		want            []sight
	}{
		"nothing happens": {"cores: 4, speed: 0.5", "", []sight{{0, 2, true, false}, {59, 2, true, false}}},
		"neighbour":       {"cores: 4, neighbour_cores: 1", "{at: 5s, backend: a, neighbour_cores: 3}", []sight{{4, 3, true, false}, {5, 1, true, false}}},
		"joins cold, leaves": {"cores: 4, joins_at: 5s, leaves_at: 20s, cold: {for: 10s, speed: 0.25}", "", []sight{
			{0, 0, false, false}, {5, 1, true, false}, {14, 1, true, false}, {15, 4, true, false}, {20, 0, false, false},
		}},
		"is warm at the start": {"cores: 4, cold: {for: 10s, speed: 0.25}", "", []sight{{0, 4, true, false}}},
		"restarts": {"cores: 4, cold: {for: 10s, speed: 0.25}", "{at: 5s, backend: a, restart: {down: 2s}}", []sight{
			{4, 4, true, false}, {5, 0, true, true}, {7, 1, true, false}, {17, 4, true, false},
		}},
		"restarts in its own way": {"cores: 4, cold: {for: 10s, speed: 0.25}", "{at: 5s, backend: a, restart: {down: 2s, cold: {for: 1s, speed: 0.5}}}", []sight{
			{7, 2, true, false}, {8, 4, true, false},
		}},
		"is cold again": {"cores: 4", "{at: 5s, backend: a, cold: {for: 10s, speed: 0.5}}, {at: 8s, backend: a, cold: {for: 3s, speed: 0.75}}", []sight{
			{7, 2, true, false}, {8, 3, true, false}, {11, 4, true, false},
		}},
		"restarts twice": {"cores: 4", "{at: 5s, backend: a, restart: {down: 10s}}, {at: 8s, backend: a, restart: {down: 3s}}", []sight{
			{11, 0, true, true}, {15, 4, true, false},
		}},
		"is changed while down": {"cores: 4", "{at: 5s, backend: a, restart: {down: 4s}}, {at: 6s, backend: a, cores: 8}", []sight{
			{6, 0, true, true}, {9, 8, true, false},
		}},
		"fails":           {"cores: 4", "{at: 5s, backend: a, fail: hang}, {at: 6s, backend: a, fail: none, error_rate: 0.5}", []sight{{5, 0, true, false}, {6, 2, true, false}}},
		"loses its cache": {"cores: 4", "{at: 5s, backend: a, cold: {for: 10s, speed: 0.5}}, {at: 10s, backend: a, speed: 2}", []sight{{5, 2, true, false}, {10, 4, true, false}, {15, 8, true, false}}},
	} {
		t.Run(name, func(t *testing.T) {
			timelines := parsed(t, "{name: z, cores: 9}, {name: a, "+test.backend+"}", test.events).Timelines()
			for _, want := range test.want {
				s := timelines[1].At(time.Duration(want.at) * time.Second)
				got := sight{want.at, s.Capacity(), s.Present, s.Down}
				if got != want {
					t.Errorf("%+v, want %+v", got, want)
				}
			}
			if got := timelines[0].At(time.Minute).Capacity(); got != 9 {
				t.Errorf("it happens to another backend, too: capacity %v", got)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	f, err := Parse("load.yaml", []byte(`
name: load
duration: 20s
warmup: 0s
backends: [{name: a, count: 2, cores: 4, neighbour_cores: 1}, {name: b, cores: 2, joins_at: 10s}]
traffic:
  - {kind: requests, utilization: 0.5, demand: 100ms, ramp: true, profile: [{at: 0s, factor: 1}, {at: 10s, factor: 2}, {at: 15s, factor: 2, demand_factor: 3}]}
  - {kind: requests, rate: 10/s, demand: 50ms, profile: [{at: 0s}, {at: 5s, factor: 0}]}
  - {kind: websockets, clients: 11, connect_over: 2s, message: {every: 2s, demand: 100ms}, dear: {clients: 1, every: 1s, demand: 500ms}}
`))
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[int]float64{
		0:  5 + 0.5,
		2:  5*1.2 + 0.5 + 1,
		5:  5*1.5 + 1,
		10: 10 + 1,
		15: 30 + 1,
		19: 30 + 1,
	} {
		if got := f.Load(time.Duration(at) * time.Second); got < want-1e-9 || got > want+1e-9 {
			t.Errorf("at %d s: %v, want %v", at, got, want)
		}
	}
	// 50 a second that double over 10 s, 10 a second for 5 s, 6 messages a second
	// for 18 s. The ramp is taken in steps of a second.
	if got, want := f.Expected(), 50*15.0-25+50*2*10+50+6*18; got != want {
		t.Errorf("%v requests expected, want %v", got, want)
	}
}

// What the file leaves to be understood of its pools is written out.
func TestExpandPools(t *testing.T) {
	const text = `
name: pools
duration: 20s
proxies: 3
proxy: {kind: envoy, balance: round_robin}
backends: [{name: a, count: 2, cores: 4, speed: 0.5}, {name: b, cores: 2}]
traffic:
  - {kind: requests, pool: api, utilization: 0.5, demand: 100ms}
  - {kind: requests, pool: batch, utilization: 0.5, demand: 100ms}
  - {kind: requests, pool: api, rate: 1/s, demand: 100ms}
`
	own := Proxy{Kind: Envoy, Balance: RoundRobin, Workers: 2}
	all := []Member{{Name: "a-1"}, {Name: "a-2"}, {Name: "b"}}
	for name, test := range map[string]struct {
		more string
		want []Pool
		load float64
	}{
		"named by traffic": {"", []Pool{{"api", all, 3, &own}, {"batch", all, 3, &own}}, 3 + 3 + 0.1},
		"listed": {
			"pools: [{name: batch, backends: [{name: a, weight: 2}], proxies: 1, proxy: {kind: haproxy}}, {name: api, backends: [b, a-2]}]",
			[]Pool{
				{"batch", []Member{{"a-1", 2}, {"a-2", 2}}, 1, &Proxy{Kind: HAProxy, Balance: Leastconn}},
				{"api", []Member{{Name: "b"}, {Name: "a-2"}}, 3, &own},
			},
			2 + 2 + 0.1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := Parse("pools.yaml", []byte(text+test.more))
			if err != nil {
				t.Fatal(err)
			}
			got := f.Expand()
			if diff := cmp.Diff(test.want, got.Pools); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(got, got.Expand()); diff != "" {
				t.Errorf("a second Expand changes it:\n%s", diff)
			}
			if load := f.Load(0); load < test.load-1e-9 || load > test.load+1e-9 {
				t.Errorf("a load of %v, want %v", load, test.load)
			}
			for _, p := range f.Behind(own).Expand().Pools {
				if diff := cmp.Diff(&own, p.Proxy); diff != "" {
					t.Errorf("%s behind another proxy:\n%s", p.Name, diff)
				}
			}
		})
	}
	if pools := parsed(t, "{name: a, cores: 1}", "").Expand().Pools; pools != nil {
		t.Errorf("a file without any has the pools %v", pools)
	}
}

func TestDrainBeforeARestart(t *testing.T) {
	f := parsed(t, "{name: a, cores: 1}, {name: b, cores: 1}", "{at: 10s, backend: a, restart: {drain: 20s, down: 5s}}")
	timeline := f.Timelines()[0]
	for _, test := range []struct {
		at             int
		draining, down bool
	}{{9, false, false}, {10, true, false}, {29, true, false}, {30, false, true}, {34, false, true}, {35, false, false}} {
		s := timeline.At(time.Duration(test.at) * time.Second)
		if s.Draining > 0 != test.draining || s.Down != test.down {
			t.Errorf("after %d s draining %v, down %v", test.at, s.Draining, s.Down)
		}
		if test.draining && (s.Draining != 20*time.Second || s.DrainedFrom != 10*time.Second || s.Capacity() != 1) {
			t.Errorf("after %d s: over %v from %v, capacity %v", test.at, s.Draining, s.DrainedFrom, s.Capacity())
		}
	}
}
