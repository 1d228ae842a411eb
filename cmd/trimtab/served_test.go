package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/xds/instance"
	"github.com/trimtab-lb/trimtab/xds/resource"
)

// edgeEnvoy starts an Envoy that has nothing but the way to trimtab, and returns
// where its listener for a pool is.
func edgeEnvoy(t *testing.T, xds, listener string) (in *instance.Instance, at string) {
	t.Helper()
	if _, err := instance.Find(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	config, err := resource.Bootstrap(resource.BootstrapConfig{
		Node: resource.Node{ID: "edge-1", Cluster: "edge"}, Server: resource.Server{Address: xds}, ReportLoad: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if in, err = instance.Start(ctx, instance.Options{Config: config}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Envoy said:\n%s", in.Output())
		}
		_ = in.Stop()
	})
	address, err := in.Listener(ctx, listener)
	if err != nil {
		t.Fatal(err)
	}
	return in, address.String()
}

// envoyWeights are by the endpoint's address, 0 for a draining one.
func envoyWeights(t *testing.T, in *instance.Instance, cluster string) map[string]uint32 {
	t.Helper()
	hosts, err := in.Hosts(t.Context(), cluster)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]uint32{}
	for _, h := range hosts {
		if out[h.Address] = h.Weight; h.Health.String() == "DRAINING" {
			out[h.Address] = 0
		}
	}
	return out
}

// One pool behind a HAProxy and an Envoy at once: orders reach both, weights
// survive a restart, and what fails is out on both.
func TestOnePoolBehindHAProxyAndEnvoy(t *testing.T) {
	t.Parallel()
	var failing atomic.Bool
	var addresses [2]string
	for i := range addresses {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if i == 1 && failing.Load() {
				w.WriteHeader(http.StatusInternalServerError)
			}
			_, _ = io.WriteString(w, "fine")
		}))
		t.Cleanup(s.Close)
		addresses[i] = s.Listener.Addr().String()
	}
	in := proxy(t, fmt.Sprintf(webPool+`  server s1 %s weight 100
  server s2 %s weight 100
`, addresses[0], addresses[1]))
	xds, state := freePort(t), t.TempDir()
	pools := fmt.Sprintf(`  - name: web
    from: haproxy
    targets:
      - haproxy: {socket: %q}
      - envoy: {policy: round_robin, listener: {address: "127.0.0.1:0"}}
      - grpc: {service: web}
xds: {listen: %q}
state: {path: %q}
`, in.Socket(), xds, state)
	r := start(t, pools)
	envoy, at := edgeEnvoy(t, xds, "web")
	inSync := func(d status.Document) bool {
		return len(d.Pools) == 1 && d.Pools[0].Tick > 2 && d.Pools[0].Targets[0].InSync && d.Pools[0].Targets[1].InSync
	}
	r.until(t, "both in sync", inSync)
	if code, _, errs := call(t, "pin", "web", "s1", "1.5", "--addr", r.addr); code != exitFine {
		t.Fatal(errs)
	}
	three := func() bool {
		w := envoyWeights(t, envoy, "web")
		a, b := w[addresses[0]], w[addresses[1]]
		return b > 0 && a > 29*b/10 && a < 31*b/10
	}
	r.until(t, "3 to 1 on both", func(d status.Document) bool { return inSync(d) && !equal(weights(t, in)) && three() })
	// gRPC clients, of which there are none here, would be sent the same.
	code, out, errs := call(t, "xds", "dump", "--type", "eds", "--view", "grpc", "--server", xds, "-o", "json")
	if a, b := localityWeights(t, out); code != exitFine || math.Abs(a/b-3) > 0.05 {
		t.Errorf("gRPC clients get %v to %v (exit code %d): %s%s", a, b, code, out, errs)
	}

	// A restart under traffic: what Envoy has is what it goes on with.
	stop := load(t, "http://"+at+"/", 2)
	if code := r.stop(); code != exitFine {
		t.Fatalf("exit code %d\n%s", code, r.log)
	}
	if !three() {
		t.Errorf("weights %v without trimtab", envoyWeights(t, envoy, "web"))
	}
	r = start(t, pools)
	r.until(t, "both in sync after a restart", func(d status.Document) bool {
		if !three() {
			t.Fatalf("weights %v after a restart", envoyWeights(t, envoy, "web"))
		}
		return inSync(d)
	})
	if good, bad := stop(); bad > 0 || good == 0 {
		t.Errorf("%d requests failed over a restart, %d did not", bad, good)
	}
	if code, _, errs := call(t, "unpin", "web", "s1", "--addr", r.addr); code != exitFine {
		t.Fatal(errs)
	}

	// What Envoy alone sees fail is out everywhere, and comes back by pulses.
	failing.Store(true)
	stop = load(t, "http://"+at+"/", 4)
	r.until(t, "ejecting s2 on both", func(d status.Document) bool {
		return inSync(d) && d.Pools[0].Backends[1].State == "ejected" && strings.HasSuffix(weights(t, in), " 0") && envoyWeights(t, envoy, "web")[addresses[1]] == 0
	})
	failing.Store(false)
	healed := time.Now()
	r.until(t, "taking s2 back", func(d status.Document) bool {
		return inSync(d) && d.Pools[0].Backends[1].State == "ready" && envoyWeights(t, envoy, "web")[addresses[1]] > 0
	})
	t.Logf("back %v after it was well", time.Since(healed).Round(100*time.Millisecond))
	stop()
}

// on_exit: restore leaves the configured capacities behind.
func TestEnvoyIsLeftWithConfiguredWeights(t *testing.T) {
	t.Parallel()
	xds := freePort(t)
	r := start(t, fmt.Sprintf(`  - name: web
    backends: [{name: a, address: "127.0.0.1:1", capacity: 3}, {name: b, address: "127.0.0.1:2"}]
    on_exit: restore
    targets: [envoy: {listener: {address: "127.0.0.1:0"}}]
xds: {listen: %q}
`, xds))
	envoy, _ := edgeEnvoy(t, xds, "web")
	r.until(t, "in sync", func(d status.Document) bool { return len(d.Pools) == 1 && d.Pools[0].Targets[0].InSync })
	if code, _, errs := call(t, "pin", "web", "a", "0.2", "--addr", r.addr); code != exitFine {
		t.Fatal(errs)
	}
	ratio := func() float64 {
		w := envoyWeights(t, envoy, "web")
		return float64(w["127.0.0.1:1"]) / float64(w["127.0.0.1:2"])
	}
	r.until(t, "pinned", func(status.Document) bool { return ratio() < 0.5 })
	if code := r.stop(); code != exitFine {
		t.Fatalf("exit code %d\n%s", code, r.log)
	}
	if got := ratio(); got < 2.9 || got > 3.1 {
		t.Errorf("left at %v to 1, want the capacities' 3 to 1", got)
	}
}

// localityWeights are those of the servers s1 and s2 in a dump of endpoints as gRPC
// clients have them.
func localityWeights(t *testing.T, dump string) (a, b float64) {
	t.Helper()
	var document struct {
		Resources map[string][]struct {
			Resource struct {
				Endpoints []struct {
					Locality            struct{ SubZone string }
					LoadBalancingWeight float64
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(dump), &document); err != nil {
		t.Fatalf("%v: %s", err, dump)
	}
	weights := map[string]float64{}
	for _, list := range document.Resources {
		for _, r := range list {
			for _, e := range r.Resource.Endpoints {
				weights[e.Locality.SubZone] = e.LoadBalancingWeight
			}
		}
	}
	return weights["s1"], weights["s2"]
}
