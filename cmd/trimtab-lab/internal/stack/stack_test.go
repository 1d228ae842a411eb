package stack

import (
	"context"
	"math"
	"os"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/load"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/realtime"
	haproxyinstance "github.com/trimtab-lb/trimtab/haproxy/instance"
	envoyinstance "github.com/trimtab-lb/trimtab/xds/instance"
)

func TestMain(m *testing.M) {
	_, _ = realtime.Enter() // where allowed, neighbours do not disturb
	os.Exit(m.Run())
}

func started(t *testing.T, opts HAProxyOptions) *Stack {
	t.Helper()
	return running(t, haproxyinstance.Find, func(ctx context.Context) (*Stack, error) { return StartHAProxy(ctx, opts) })
}

func startedEnvoy(t *testing.T, opts EnvoyOptions) *Stack {
	t.Helper()
	return running(t, envoyinstance.Find, func(ctx context.Context) (*Stack, error) { return StartEnvoy(ctx, opts) })
}

// found returns a proxy's path. The test is skipped where it is missing, but not
// where all has to be there.
func found(t *testing.T, find func() (string, error)) string {
	t.Helper()
	path, err := find()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return path
}

func running(t *testing.T, find func() (string, error), start func(context.Context) (*Stack, error)) *Stack {
	t.Helper()
	found(t, find)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	s, err := start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// farm has the capacities of the demo.
func farm() []backend.Config {
	return []backend.Config{{Cores: 8}, {Cores: 8}, {Cores: 4}, {Cores: 4}, {Cores: 2}}
}

// Known capacities beat equal weights: the order that everything is judged by.
func TestKnownWeightsBeatEqualOnes(t *testing.T) {
	equal := started(t, HAProxyOptions{Backends: farm()})
	known := started(t, HAProxyOptions{Backends: farm(), Weights: []int{256, 256, 128, 128, 64}})
	// 26 cores at 70 %; demands three times those of the demo cost a third.
	shape := load.Shape{Seed: 1, Rate: 0.7 * 26 / 0.06, MeanDemand: 60 * time.Millisecond}
	got, err := Run(t.Context(), shape, 2*time.Second, 8*time.Second, equal, known)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"equal", "known"} {
		t.Logf("%s: p50 %v, p99 %v, imbalance %.2f, utilization %.2f; %v; answers %v late at p99; HAProxy %.3f, lab %.3f cores",
			name, got[i].Latency.P50, got[i].Latency.P99, got[i].Imbalance, got[i].Utilization, got[i].Validity,
			got[i].CompletionLateP99, got[i].ProxyCPU, got[i].LabCPU)
		if got[i].Errors.Total() > 0 {
			t.Errorf("%s: errors %+v", name, got[i].Errors)
		}
		work := 0.0
		for j, u := range got[i].Utilization {
			work += u * farm()[j].Cores
		}
		if math.Abs(work/26-0.7) > 0.15 {
			t.Errorf("%s: utilization %v is not that of 70 %% load", name, got[i].Utilization)
		}
	}
	if !Valid(got) {
		t.Skip("INVALID: this machine is too busy to measure on, so that nothing is shown")
	}
	if ratio := float64(got[1].Latency.P99) / float64(got[0].Latency.P99); ratio > 0.9 {
		t.Errorf("p99 known ÷ equal is %.2f, want 0.9 at most", ratio)
	}
	if got[1].Imbalance >= got[0].Imbalance {
		t.Errorf("imbalance %.2f with known weights, %.2f with equal ones", got[1].Imbalance, got[0].Imbalance)
	}
}

// leastconn sends most of the work to a backend that fails fast, since that
// one is always idle.
func TestFailFastBackendIsABlackHole(t *testing.T) {
	s := started(t, HAProxyOptions{Backends: []backend.Config{{Cores: 4}, {Cores: 4}, {Cores: 4}}})
	trace, err := load.Poisson(load.Shape{Seed: 1, Rate: 140, MeanDemand: 50 * time.Millisecond, Length: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	c, err := Compare(t.Context(), trace, s)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	share := func(f backend.Faults, length time.Duration) float64 {
		if err := s.Backends[1].SetFaults(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		from := c.Elapsed()
		if err := c.Wait(t.Context(), from+length); err != nil {
			t.Fatal(err)
		}
		got, err := c.Window(t.Context(), from+500*time.Millisecond, from+length)
		if err != nil {
			t.Fatal(err)
		}
		return got[0].ErrorShare()
	}
	if got := share(backend.Faults{}, 2*time.Second); got != 0 {
		t.Errorf("%.3f errors of a sound pool", got)
	}
	// What a machine that stood still sends all at once is spread evenly.
	if got := share(backend.Faults{FailShare: 1}, 6*time.Second); got < 0.45 {
		t.Errorf("%.3f errors with a third of the backends failing: no black hole", got)
	}
	if got := share(backend.Faults{}, 2*time.Second); got != 0 {
		t.Errorf("%.3f errors after it is well again", got)
	}
}

func TestWebSocketsThroughHAProxy(t *testing.T) {
	s := started(t, HAProxyOptions{Backends: []backend.Config{
		{Cores: 4, SocketLife: 100 * time.Millisecond, Seed: 1},
		{Cores: 4, SocketLife: time.Second, Seed: 2},
	}})
	url := "ws://" + s.Addr + "/ws"
	c, resp, err := websocket.Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if name := resp.Header.Get(backend.NameHeader); name != "s1" && name != "s2" {
		t.Errorf("served by %q", name)
	}
	_ = c.CloseNow()

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	// Those that come all at once, after a machine stood still, are spread evenly: they
	// are not to be many of all.
	const count = 600
	got, err := load.RunSockets(ctx, load.SocketOptions{
		URL: url, Seed: 1, Rate: 150, Count: count, Every: 50 * time.Millisecond, Demand: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Failed+got.Broken+got.ClosedByClient > 0 || got.ClosedByServer != count || got.Echoes.TotalCount() == 0 {
		t.Errorf("%+v, want %d closed by their backends", got, count)
	}
	t.Logf("handshake p99 %d us, echo p99 %d us, peak %d", got.Handshakes.ValueAtQuantile(99), got.Echoes.ValueAtQuantile(99), got.Peak)
	// leastconn keeps as many open on either, so more pass through the one
	// that they leave sooner: it is not a stronger one.
	short, long := s.Backends[0].Totals(), s.Backends[1].Totals()
	if short.Sockets < 2*long.Sockets {
		t.Errorf("%d sockets of 100 ms and %d of 1 s", short.Sockets, long.Sockets)
	}
}

func TestServersTellsWhatIsInForce(t *testing.T) {
	for name, opts := range map[string]HAProxyOptions{
		"http":  {Backends: []backend.Config{{Name: "a", Cores: 1}, {Cores: 1}}, Weights: []int{7, 256}, Slots: 2},
		"tcp":   {Backends: []backend.Config{{Name: "a", Cores: 1}, {Cores: 1}}, Weights: []int{7, 256}, Slots: 2, Mode: "tcp", Balance: "roundrobin"},
		"lines": {Backends: []backend.Config{{Name: "a", Cores: 1}, {Cores: 1}}, Weights: []int{7, 256}, Slots: 2, Balance: "random(2)", Lines: []string{"option httpchk GET /health"}, ServerOptions: "check inter 1s"},
	} {
		t.Run(name, func(t *testing.T) {
			s := started(t, opts)
			got, err := s.Proxy.Servers(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != 4 || got[0].Name != "a" || got[1].Name != "s2" || got[2].Name != "slot1" ||
				got[0].Weight != 7 || got[1].Weight != 256 || got[3].Status != "MAINT" {
				t.Errorf("servers %+v", got)
			}
		})
	}
}

func TestStartRefusesWhatCannotWork(t *testing.T) {
	for _, opts := range []HAProxyOptions{
		{},
		{Backends: farm(), Weights: []int{1}},
		{Backends: farm(), EachServer: []string{"check"}},
		{Backends: []backend.Config{{Cores: -1}}},
		{Backends: farm(), Balance: "nonsense"},
	} {
		if s, err := StartHAProxy(t.Context(), opts); err == nil {
			_ = s.Close()
			t.Errorf("%+v was started", opts)
		}
	}
}
