package main

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
)

// Nothing changes for an Envoy, its sockets and its requests while trimtab is away,
// however it ended, and when it comes back.
func TestRestartLeavesEnvoyAlone(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		kind    string
		killed  bool
		clients int
	}{
		// What the pool serves was found out.
		"stopped": {"auto", false, 0},
		"killed":  {"connections", true, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var addresses [2]string
			var ended atomic.Int64
			for i := range addresses {
				s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/hold" {
						_ = http.NewResponseController(w).Flush()
						<-r.Context().Done()
						ended.Add(1)
					}
				}))
				t.Cleanup(s.Close)
				addresses[i] = s.Listener.Addr().String()
			}
			xds, state := freePort(t), t.TempDir()
			r := child(t, fmt.Sprintf(`  - name: web
    kind: %s
    backends: [{name: a, address: %q, capacity: 2}, {name: b, address: %q}]
    targets: [envoy: {listener: {address: "127.0.0.1:0"}}]
xds: {listen: %q}
state: {path: %q}
`, test.kind, addresses[0], addresses[1], xds, state))
			envoy, at := edgeEnvoy(t, xds, "web")
			for range 30 {
				response, err := http.Get("http://" + at + "/hold")
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
			}
			r.until(t, "sending the squares of 2 to 1", func(d status.Document) bool {
				w := envoyWeights(t, envoy, "web")
				a, b := w[addresses[0]], w[addresses[1]]
				return len(d.Pools) == 1 && d.Pools[0].Targets[0].InSync && b > 0 && a > 39*b/10 && a < 41*b/10
			})
			want := envoyWeights(t, envoy, "web")
			same := func() bool {
				if got := envoyWeights(t, envoy, "web"); !maps.Equal(got, want) {
					t.Fatalf("weights %v, before %v", got, want)
				}
				return true
			}
			stop := load(t, "http://"+at+"/", test.clients)
			if test.killed {
				r.until(t, "keeping what it knows", func(status.Document) bool {
					kept, err := os.ReadFile(filepath.Join(state, "pools", "web.json"))
					return err == nil && strings.Contains(string(kept), `"served"`)
				})
				if err := r.process.Kill(); err != nil {
					t.Fatal(err)
				}
				r.stop()
			} else if code := r.stop(); code != exitFine {
				t.Fatalf("exit code %d\n%s", code, r.log)
			}
			away := time.NewTimer(time.Second)
			for waiting := true; waiting && same(); {
				select {
				case <-away.C:
					waiting = false
				default:
				}
			}
			r.again(t)
			r.until(t, "in sync for some ticks", func(d status.Document) bool {
				return same() && len(d.Pools) == 1 && d.Pools[0].Targets[0].InSync && d.Pools[0].Tick > 5
			})
			if good, bad := stop(); bad > 0 || good == 0 && test.clients > 0 {
				t.Errorf("%d requests failed, %d did not", bad, good)
			}
			if n := ended.Load(); n > 0 {
				t.Errorf("%d of 30 connections were closed", n)
			}
		})
	}
}
