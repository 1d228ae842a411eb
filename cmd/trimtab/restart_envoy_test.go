package main

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
)

// What a pool serves was found out, and weights were made for that: nothing of it
// changes in an Envoy when trimtab is restarted.
func TestRestartKeepsWhatWasFoundOut(t *testing.T) {
	t.Parallel()
	var addresses [2]string
	for i := range addresses {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}))
		t.Cleanup(s.Close)
		addresses[i] = s.Listener.Addr().String()
	}
	xds, state := freePort(t), t.TempDir()
	pools := fmt.Sprintf(`  - name: web
    backends: [{name: a, address: %q, capacity: 2}, {name: b, address: %q}]
    targets: [envoy: {listener: {address: "127.0.0.1:0"}}]
xds: {listen: %q}
state: {path: %q}
`, addresses[0], addresses[1], xds, state)
	r := start(t, pools)
	envoy, at := edgeEnvoy(t, xds, "web")
	for range 30 {
		response, err := http.Get("http://" + at + "/")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
	}
	r.until(t, "finding long-lived connections", func(d status.Document) bool {
		w := envoyWeights(t, envoy, "web")
		a, b := w[addresses[0]], w[addresses[1]]
		return len(d.Pools) == 1 && d.Pools[0].Targets[0].InSync && b > 0 && a > 39*b/10 && a < 41*b/10
	})
	want := envoyWeights(t, envoy, "web")
	if code := r.stop(); code != exitFine {
		t.Fatalf("exit code %d\n%s", code, r.log)
	}
	r = start(t, pools)
	r.until(t, "in sync for some ticks", func(d status.Document) bool {
		if got := envoyWeights(t, envoy, "web"); !maps.Equal(got, want) {
			t.Fatalf("weights %v after a restart, want %v", got, want)
		}
		return len(d.Pools) == 1 && d.Pools[0].Targets[0].InSync && d.Pools[0].Tick > 5
	})
}
