package main

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
)

// What backends put into their answers comes with Envoy's load reports.
func TestEnvoyPassesReportsOn(t *testing.T) {
	t.Parallel()
	var addresses [2]string
	for i := range addresses {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("endpoint-load-metrics", fmt.Sprintf("TEXT application_utilization=%.1f, named_metrics.queue=7", 0.4+0.4*float64(i)))
			_, _ = io.WriteString(w, "fine")
		}))
		t.Cleanup(s.Close)
		addresses[i] = s.Listener.Addr().String()
	}
	xds := freePort(t)
	r := start(t, fmt.Sprintf(`  - name: web
    backends: [{name: a, address: %q}, {name: b, address: %q}]
    load: [proxy: {orca: [application_utilization, "named_metrics.*"]}]
    targets: [envoy: {listener: {address: "127.0.0.1:0"}}]
xds: {listen: %q}
`, addresses[0], addresses[1], xds))
	_, at := edgeEnvoy(t, xds, "web")
	stop := load(t, "http://"+at+"/", 2)
	r.until(t, "knowing how busy they are", func(d status.Document) bool {
		if len(d.Pools) == 0 {
			return false
		}
		b := d.Pools[0].Backends
		return math.Abs(float64(b[0].Utilization)-0.4) < 1e-6 && math.Abs(float64(b[1].Utilization)-0.8) < 1e-6
	})
	stop()
}
