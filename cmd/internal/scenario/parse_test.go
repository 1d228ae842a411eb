package scenario

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// everything uses every key of the format.
const everything = `
name: everything
seed: 3
duration: 240s
warmup: 30s
proxies: 2
proxy: {kind: envoy, balance: least_request, choice_count: 3, bias: 1.5, workers: 4}
backends:
  - {name: a, cores: 4}
  - {name: b, cores: 4, speed: 0.5, neighbour_cores: 2, neighbour_reported: true, weight: 2, capacity_hint: 8, distance: 30ms}
  - {name: big, count: 3, cores: 8, joins_at: 120s, leaves_at: 200s, cold: {for: 10s, speed: 0.3}}
  - {name: odd, cores: 1, wait_factor: 2, fail: hang, error_rate: 0.1, reports: full, report_scale: 0.2}
pools:
  - {name: api, backends: [a, {name: b, weight: 3}, big], proxies: 4, proxy: {balance: random(2)}}
  - {name: batch}
reports: {period: 2s, delay: 500ms, noise: 0.1, lost: 0.2}
shed: {start_above: 1.1, stop_below: 1.02, rate: 0.5%/s, order: youngest}
trimtabs: {count: 2, view_delay: 2s}
traffic:
  - kind: requests
    pool: api
    utilization: 0.7
    profile: [{at: 0s, factor: 0.3}, {at: 90s, demand_factor: 2}]
    ramp: true
    demand: [{share: 0.98, uniform: [5ms, 10ms]}, {share: 0.02, shifted_exp: {min: 1s, mean: 3s}}]
    wait: [{share: 0.3, exp: 500ms}]
  - {kind: requests, pool: batch, rate: 12.5/s, demand: 20ms, wait: {lognormal: {p50: 5ms, p99: 1s}}}
  - kind: websockets
    pool: batch
    clients: 5000
    connect_at: 5s
    connect_over: 20s
    lifetime: {rounds: {each: 4s, drop: 0.5, last: -1s}}
    message: {every: 1s, demand: 2ms}
    dear: {clients: 1, demand: {pareto: {min: 1s, shape: 1.5, max: 20s}}, every: 1s}
    reconnect: {delay: {const: 2s}}
  - {kind: websockets, pool: api, clients: 7, lifetime: forever}
events:
  - {at: 100s, backend: b, cores: 3, speed: 2, neighbour_cores: 0, neighbour_reported: false, weight: 1, capacity_hint: 4}
  - {at: 110s, every: 10s, until: 150s, backend: a, fail: fast, error_rate: 0.4, wait_factor: 5, distance: 1ms}
  - {at: 140s, backend: a, restart: {drain: 2s, down: 5s, cold: {for: 10s, speed: 0.3}}}
  - {at: 150s, backend: big-1, reports: frozen, report_scale: 0.5, cold: {for: 1s, speed: 0.5}}
policies: [trimtab, omniscient-best]
`

func wellSet(name string, cores float64) Backend {
	b := Backend{Name: name, Count: 1, Settings: healthy()}
	b.Cores = cores
	return b
}

func TestParse(t *testing.T) {
	got, err := Parse("everything.yaml", []byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	a, b, big, odd := wellSet("a", 4), wellSet("b", 4), wellSet("big", 8), wellSet("odd", 1)
	b.Speed, b.NeighbourCores, b.NeighbourReported, b.Weight, b.CapacityHint, b.Distance = 0.5, 2, true, 2, 8, 30*time.Millisecond
	big.Count, big.JoinsAt, big.LeavesAt, big.Cold = 3, 2*time.Minute, 200*time.Second, &Cold{10 * time.Second, 0.3}
	odd.WaitFactor, odd.Fail, odd.ErrorRate, odd.Reports, odd.ReportScale = 2, FailHang, 0.1, ReportsFull, 0.2
	only := func(d Distribution) Mix { return Mix{{1, d}} }
	delay := Reconnect{only(Distribution{Uniform: &Span{500 * time.Millisecond, 5 * time.Second}})}
	want := File{
		Name: "everything", Seed: 3, Duration: 4 * time.Minute, Warmup: 30 * time.Second, Proxies: 2,
		Proxy:    Proxy{Kind: Envoy, Balance: LeastRequest, ChoiceCount: 3, Bias: new(1.5), Workers: 4},
		Backends: []Backend{a, b, big, odd},
		Pools: []Pool{
			{Name: "api", Backends: []Member{{Name: "a"}, {"b", 3}, {Name: "big"}}, Proxies: 4, Proxy: &Proxy{Kind: HAProxy, Balance: RandomTwo}},
			{Name: "batch"},
		},
		Reports:  &Reports{Period: 2 * time.Second, Delay: 500 * time.Millisecond, Noise: 0.1, Lost: 0.2},
		Shed:     &Shed{StartAbove: 1.1, StopBelow: 1.02, Rate: 0.005, Order: ShedYoungest},
		Trimtabs: &Trimtabs{Count: 2, ViewDelay: 2 * time.Second},
		Traffic: []Traffic{
			{Requests: &Requests{
				Pool: "api", Utilization: 0.7, Ramp: true,
				Profile: []Point{{0, 0.3, 1}, {90 * time.Second, 1, 2}},
				Demand: Mix{
					{0.98, Distribution{Uniform: &Span{5 * time.Millisecond, 10 * time.Millisecond}}},
					{0.02, Distribution{ShiftedExp: &ShiftedExp{time.Second, 3 * time.Second}}},
				},
				Wait: Mix{{0.3, Distribution{Exp: 500 * time.Millisecond}}},
			}},
			{Requests: &Requests{
				Pool: "batch", Rate: 12.5, Demand: only(Distribution{Const: new(20 * time.Millisecond)}),
				Wait: only(Distribution{Lognormal: &Lognormal{5 * time.Millisecond, time.Second}}),
			}},
			{WebSockets: &WebSockets{
				Pool: "batch", Clients: 5000, ConnectAt: 5 * time.Second, ConnectOver: 20 * time.Second,
				Lifetime:  &Lifetime{Rounds: &Rounds{4 * time.Second, 0.5, -time.Second}},
				Message:   &Message{time.Second, only(Distribution{Const: new(2 * time.Millisecond)})},
				Dear:      &Dear{1, Message{time.Second, only(Distribution{Pareto: &Pareto{time.Second, 1.5, 20 * time.Second}})}},
				Reconnect: Reconnect{only(Distribution{Const: new(2 * time.Second)})},
			}},
			{WebSockets: &WebSockets{Pool: "api", Clients: 7, Reconnect: delay}},
		},
		Events: []Event{
			{At: 100 * time.Second, Backend: "b", Change: Change{
				Cores: new(3.0), Speed: new(2.0), NeighbourCores: new(0.0), NeighbourReported: new(false),
				Weight: new(1.0), CapacityHint: new(4.0),
			}},
			{At: 110 * time.Second, Every: 10 * time.Second, Until: 150 * time.Second, Backend: "a", Change: Change{
				Fail: new(FailFast), ErrorRate: new(0.4), WaitFactor: new(5.0), Distance: new(time.Millisecond),
			}},
			{At: 140 * time.Second, Backend: "a", Restart: &Restart{2 * time.Second, 5 * time.Second, &Cold{10 * time.Second, 0.3}}},
			{At: 150 * time.Second, Backend: "big-1", Change: Change{Reports: new(ReportsFrozen), ReportScale: new(0.5)}, Cold: &Cold{time.Second, 0.5}},
		},
		Policies: []Policy{PolicyTrimtab, PolicyOmniscientBest},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

const least = `
name: least
duration: 10s
backends: [{name: a, cores: 1}]
traffic: [{kind: requests, rate: 5/s, demand: 1ms}]
`

func TestDefaults(t *testing.T) {
	for _, test := range []struct {
		name, more string
		want       func(*File)
	}{
		{"nothing said", "", func(*File) {}},
		{"no reports", "reports: none", func(f *File) { f.Reports = nil }},
		{"some of the reports", "reports: {delay: 0s}", func(f *File) { f.Reports.Delay = 0 }},
		{"Envoy", "proxy: {kind: envoy}", func(f *File) {
			f.Proxy = Proxy{Kind: Envoy, Balance: LeastRequest, ChoiceCount: 2, Bias: new(1.0), Workers: 2}
		}},
		{"Envoy that scans", "proxy: {kind: envoy, full_scan: true}", func(f *File) {
			f.Proxy = Proxy{Kind: Envoy, Balance: LeastRequest, FullScan: true, Bias: new(1.0), Workers: 2}
		}},
		{"Envoy round robin", "proxy: {kind: envoy, balance: round_robin}", func(f *File) {
			f.Proxy = Proxy{Kind: Envoy, Balance: RoundRobin, Workers: 2}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := File{
				Name: "least", Seed: 1, Duration: 10 * time.Second, Warmup: time.Minute, Proxies: 1,
				Proxy:    Proxy{Kind: HAProxy, Balance: Leastconn},
				Backends: []Backend{wellSet("a", 1)},
				Reports:  &Reports{Period: time.Second, Delay: time.Second, Noise: 0.05},
				Traffic:  []Traffic{{Requests: &Requests{Rate: 5, Demand: Mix{{1, Distribution{Const: new(time.Millisecond)}}}}}},
				Policies: standardPolicies(),
			}
			test.want(&want)
			got, err := Parse("least.yaml", []byte(least+test.more+"\n"))
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%v; -want +got:\n%s", err, diff)
			}
		})
	}
}
