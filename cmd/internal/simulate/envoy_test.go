package simulate

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/scorer"
)

func envoyProxy(p Proxy, weights ...int32) (balancer, []int32) {
	p.Kind = KindEnvoy
	v := view{weights: weights, inFlight: make([]int32, len(weights)), random: stream(1, 1)}
	b := newBalancer(p.withDefaults(), v)
	b.weigh()
	return b, v.inFlight
}

// The held shares of a real Envoy with one worker and with two.
func TestEnvoyHeldShares(t *testing.T) {
	for name, test := range map[string]struct {
		proxy Proxy
		want  []float64
	}{
		"bias 0":                  {Proxy{Algorithm: scorer.LeastRequest, Bias: new(0.0)}, []float64{0.5, 0.25, 0.125, 0.125}},
		"bias 0.5":                {Proxy{Algorithm: scorer.LeastRequest, Bias: new(0.5)}, []float64{0.413, 0.260, 0.163, 0.163}},
		"bias 1":                  {Proxy{Algorithm: scorer.LeastRequest}, []float64{0.370, 0.260, 0.185, 0.185}},
		"bias 2":                  {Proxy{Algorithm: scorer.LeastRequest, Bias: new(2.0)}, []float64{0.326, 0.260, 0.207, 0.207}},
		"full scan of unequal":    {Proxy{Algorithm: scorer.LeastRequest, FullScan: true}, []float64{0.370, 0.260, 0.185, 0.185}},
		"round robin":             {Proxy{Algorithm: scorer.RoundRobin}, []float64{0.5, 0.25, 0.125, 0.125}},
		"one worker, bias 1":      {Proxy{Algorithm: scorer.LeastRequest, Workers: 1}, []float64{0.370, 0.260, 0.185, 0.185}},
		"one worker, round robin": {Proxy{Algorithm: scorer.RoundRobin, Workers: 1}, []float64{0.5, 0.25, 0.125, 0.125}},
	} {
		t.Run(name, func(t *testing.T) {
			b, inFlight := envoyProxy(test.proxy, 256, 128, 64, 64)
			const n = 6000
			got := fill(b, inFlight, n, true)
			for i, want := range test.want {
				if math.Abs(float64(got[i])/n-want) > 0.012 {
					t.Errorf("endpoint %d: share %v, want %v", i, float64(got[i])/n, want)
				}
			}
		})
	}
}

// A hundred sockets come to five endpoints that hold a hundred each and a new
// one: what the new one got of a real Envoy.
func TestEnvoyFillsANewEndpoint(t *testing.T) {
	for name, test := range map[string]struct {
		proxy    Proxy
		low, top int
	}{
		"two choices":  {Proxy{Algorithm: scorer.LeastRequest}, 22, 38},
		"five choices": {Proxy{Algorithm: scorer.LeastRequest, Choices: 5}, 52, 68},
		"full scan":    {Proxy{Algorithm: scorer.LeastRequest, FullScan: true}, 100, 100},
		"round robin":  {Proxy{Algorithm: scorer.RoundRobin, Workers: 1}, 16, 17},
	} {
		t.Run(name, func(t *testing.T) {
			b, inFlight := envoyProxy(test.proxy, 100, 100, 100, 100, 100, 100)
			for i := range 5 {
				inFlight[i] = 100
			}
			if got := fill(b, inFlight, 100, true)[5]; got < test.low || got > test.top {
				t.Errorf("%d of 100, want from %d to %d", got, test.low, test.top)
			}
		})
	}
}

func TestFullScanBreaksTiesAtRandom(t *testing.T) {
	b, inFlight := envoyProxy(Proxy{Algorithm: scorer.LeastRequest, FullScan: true, Workers: 1}, 1, 1, 1, 1)
	for i, n := range fill(b, inFlight, 8000, false) {
		if math.Abs(float64(n)/8000-0.25) > 0.03 {
			t.Errorf("endpoint %d: %d of 8000 picks among idle ones, want a quarter", i, n)
		}
	}
}

// Of equal deadlines the one that was set first comes first.
func TestEqualDeadlines(t *testing.T) {
	v := view{weights: []int32{2, 2, 1}, inFlight: make([]int32, 3), random: stream(1, 1)}
	e := newEDF(v, func(host int32) float64 { return float64(v.weights[host]) })
	e.hosts = []int32{0, 1, 2}
	for _, h := range []int32{2, 1, 0} {
		e.set(h, 0)
	}
	var order []int32
	for range 5 {
		order = append(order, e.earliest())
	}
	// 1 and 0 at 1/2; all three at 1, of which 2 was set first; then 1 and 0.
	if diff := cmp.Diff([]int32{1, 0, 2, 1, 0}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// Two schedules that do not know of each other are a little worse than one.
func TestWorkersCostLittle(t *testing.T) {
	s := short(4*time.Minute, 1, 0.7, unequal())
	s.Warmup = 10 * time.Second
	p99 := func(workers int) float64 {
		r, err := alone(&s, Proxy{Kind: KindEnvoy, Algorithm: scorer.LeastRequest, Workers: workers}, 1, Static{256, 256, 128, 128, 64})
		if err != nil {
			t.Fatal(err)
		}
		return milliseconds(r.P99)
	}
	one, two, eight := p99(1), p99(2), p99(8)
	t.Logf("p99 with one worker %.1f ms, two %.1f, eight %.1f", one, two, eight)
	if two/one < 0.97 || two/one > 1.07 || eight/one > 1.2 {
		t.Errorf("p99 with one worker %.1f ms, two %.1f, eight %.1f; want a few per cent more", one, two, eight)
	}
}

func plan(law string, weights ...float64) scorer.Plan {
	p := scorer.Plan{Pool: "p", Law: law, Kind: scorer.KindRequests}
	for i, w := range weights {
		d := scorer.Decision{Backend: string(rune('a' + i)), Weight: w, State: scorer.StateReady, InFlight: math.NaN(), Utilization: math.NaN()}
		if w == 0 {
			d.State = scorer.StateEjected
		}
		p.Decisions = append(p.Decisions, d)
	}
	return p
}

func TestWhatEnvoyIsServed(t *testing.T) {
	members := []scorer.Backend{{Name: "a", Address: address(0)}, {Name: "b", Address: address(1)}, {Name: "c", Address: address(300)}}
	s := &Scenario{Name: "p"}
	ratio := func(weights []int) []float64 {
		out := make([]float64, len(weights))
		for i, w := range weights {
			out[i] = math.Round(1000*float64(w)/float64(weights[1])) / 1000
		}
		return out
	}
	held := plan(scorer.LawCapacity, 2, 1, 0.5)
	held.Kind = scorer.KindConnections
	for name, test := range map[string]struct {
		plan scorer.Plan
		want []float64
	}{
		"near equal is equal":             {plan(scorer.LawCapacity, 1.04, 1, 0.97), []float64{1, 1, 1}},
		"shares of requests":              {plan(scorer.LawCapacity, 2, 1, 0.5), []float64{2, 1, 0.5}},
		"held shares need their square":   {held, []float64{4, 1, 0.25}},
		"who gets no work drains":         {plan(scorer.LawCapacity, 0, 1, 0.5), []float64{0, 1, 0.5}},
		"a person's shares are no matter": {plan(scorer.LawStatic, 1.04, 1, 0.97), []float64{1.04, 1, 0.97}},
	} {
		t.Run(name, func(t *testing.T) {
			target, err := newEnvoyTarget(Setup{Scenario: s, Proxy: Proxy{Kind: KindEnvoy, Algorithm: scorer.LeastRequest}})
			if err != nil {
				t.Fatal(err)
			}
			rounded, inForce, err := target.apply(test.plan, members)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, ratio(rounded.Weights)); diff != "" {
				t.Errorf("weights over the second's (-want +got):\n%s", diff)
			}
			if inForce.Algorithm != scorer.LeastRequest || len(inForce.Shares) != 3 {
				t.Errorf("in force %+v", inForce)
			}
		})
	}
}

func TestBadProxies(t *testing.T) {
	for name, p := range map[string]Proxy{
		"kind":              {Kind: "nginx"},
		"algorithm":         {Algorithm: "first"},
		"HAProxy's":         {Kind: KindHAProxy, Algorithm: scorer.LeastRequest},
		"Envoy's":           {Kind: KindEnvoy, Algorithm: scorer.LeastConnections},
		"workers":           {Workers: -1},
		"workers elsewhere": {Kind: KindHAProxy, Workers: 4},
		"choices":           {Choices: -1},
		"bias":              {Bias: new(math.NaN())},
	} {
		if err := p.check(); err == nil {
			t.Errorf("%s: no error for %s", name, p)
		}
	}
	for want, p := range map[string]Proxy{
		"leastconn":                                    {},
		"haproxy/random(2)":                            {Kind: KindHAProxy, Algorithm: scorer.Random},
		"envoy/least_request bias=0.5":                 {Kind: KindEnvoy, Algorithm: scorer.LeastRequest, Bias: new(0.5)},
		"envoy/round_robin workers=4":                  {Kind: KindEnvoy, Algorithm: scorer.RoundRobin, Workers: 4},
		"envoy/least_request choice_count=5 full_scan": {Kind: KindEnvoy, Algorithm: scorer.LeastRequest, Choices: 5, FullScan: true},
	} {
		if err := p.check(); err != nil || p.String() != want {
			t.Errorf("%q, error %v; want %q", p, err, want)
		}
	}
}
