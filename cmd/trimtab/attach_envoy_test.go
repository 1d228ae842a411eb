package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	envoyinstance "github.com/trimtab-lb/trimtab/xds/instance"
)

const staticEdge = `
node: {id: edge-7, cluster: edge}
static_resources:
  clusters:
  - name: web|v1
    type: STATIC
    connect_timeout: 1s
    lb_policy: LEAST_REQUEST
    least_request_lb_config: {slow_start_config: {slow_start_window: 10s}}
    load_assignment:
      cluster_name: web
      endpoints:
      - lb_endpoints:
        - {load_balancing_weight: 3, endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: PORT1}}}}
        - {load_balancing_weight: 1, endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: PORT2}}}}
  - name: lone
    type: STATIC
    connect_timeout: 1s
    load_assignment: {cluster_name: lone, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: PORT1}}}}]}]}
  listeners:
  - name: http
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: http
          route_config:
            virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: web|v1}}]}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
`

// edge is a real Envoy with a configuration of its own and two backends.
func edge(t *testing.T) (in *envoyinstance.Instance, backends [2]string) {
	t.Helper()
	binary, text := realEnvoy(t), staticEdge
	for i := range backends {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
		t.Cleanup(s.Close)
		backends[i] = s.Listener.Addr().String()
		_, port, _ := strings.Cut(backends[i], ":")
		text = strings.ReplaceAll(text, fmt.Sprintf("PORT%d", i+1), port)
	}
	in, err := envoyinstance.Start(t.Context(), envoyinstance.Options{Binary: binary, Config: text})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Stop(); err != nil {
			t.Error(err)
		}
	})
	return in, backends
}

// asking sends requests one after another until it is stopped.
func asking(t *testing.T, in *envoyinstance.Instance) (stop func()) {
	t.Helper()
	at, err := in.Listener(t.Context(), "http")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		for ctx.Err() == nil {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at.String(), nil)
			if err != nil {
				t.Error(err)
				return
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				continue // it has been stopped, or Envoy is closing
			}
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
	})
	return func() { cancel(); group.Wait() }
}

func TestAttachEnvoyShowsAndChangesNothing(t *testing.T) {
	in, backends := edge(t)
	before, err := in.Hosts(t.Context(), "web|v1")
	if err != nil {
		t.Fatal(err)
	}
	stop := asking(t, in)
	address := "unix:" + in.Admin()
	code, out, errs := call(t, "attach", "--envoy-admin", address, "--watch", "3s", "-o", "json")
	stop()
	if code != exitFine {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	document := decode(t, out)
	if len(document.Pools) != 1 || document.Pools[0].Name != "web_v1" || document.Pools[0].Mode != "dry-run" {
		t.Fatalf("pools %+v, want the cluster of two hosts alone", document.Pools)
	}
	pool := document.Pools[0]
	shown := map[string]status.Backend{}
	for _, b := range pool.Backends {
		shown[b.Name] = b
	}
	for i, weight := range []int{3, 1} {
		b := shown[backends[i]]
		if b.Applied["envoy:"+address] != weight || !(b.RPS > 0) || !b.InFlight.Known() {
			t.Errorf("backend %+v, want weight %d, work, and requests in progress", b, weight)
		}
	}
	if !(shown[backends[0]].RPS > 2*shown[backends[1]].RPS) {
		t.Errorf("rates %v and %v, want three to one", shown[backends[0]].RPS, shown[backends[1]].RPS)
	}
	e := pool.Envoy
	if e.Cluster != "web|v1" || e.Discovery != "STATIC" || e.Policy != "LEAST_REQUEST" || e.ActiveRequestBias != 1 || len(e.Send) != 2 {
		t.Errorf("cluster %+v", e)
	}
	if warnings := fmt.Sprint(pool.Targets[0].Warnings); !strings.Contains(warnings, "slow_start_config of 10s") {
		t.Errorf("warnings %s, want one about slow start", warnings)
	}
	after, err := in.Hosts(t.Context(), "web|v1")
	if err != nil {
		t.Fatal(err)
	}
	for i := range after {
		if after[i].Weight != before[i].Weight || after[i].Health != before[i].Health {
			t.Errorf("host %+v, was %+v", after[i], before[i])
		}
	}
}

// What is printed for both sides, put where it belongs, makes trimtab steer.
func TestAttachEnvoyPrintsWhatLetsTrimtabSteer(t *testing.T) {
	t.Parallel()
	in, backends := edge(t)
	xds := freePort(t)
	code, out, errs := call(t, "attach", "--envoy-admin", "unix:"+in.Admin(), "--watch", "2s", "--server", xds)
	if code != exitFine {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	_, change, _ := strings.Cut(out, "trimtab.yaml\n")
	ours, theirs, ok := strings.Cut(change, "\n--- and to Envoy's configuration")
	if !ok {
		t.Fatalf("no change:\n%s", out)
	}
	_, theirs, _ = strings.Cut(theirs, "\n")
	if _, err := config.Parse("trimtab.yaml", []byte(ours)); err != nil {
		t.Fatalf("%v\n%s", err, ours)
	}
	r := &running{addr: freePort(t), config: filepath.Join(t.TempDir(), "trimtab.yaml"), log: &lockedBuffer{}}
	write(t, r.config, fmt.Sprintf("admin: {listen: %q}\n", r.addr)+ours)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, []string{"run", "--config", r.config}, io.Discard, r.log) }()
	t.Cleanup(func() { cancel(); <-ended })
	r.until(t, "stepped", stepped)
	steered, err := envoyinstance.Start(t.Context(), envoyinstance.Options{Config: theirs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := steered.Stop(); err != nil {
			t.Error(err)
		}
	})
	r.until(t, "in sync with the Envoy", func(d status.Document) bool {
		return stepped(d) && d.Pools[0].Targets[0].InSync && len(d.XDS.Nodes) == 1 && d.XDS.Nodes[0].ID == "edge-7"
	})
	hosts, err := steered.Hosts(t.Context(), "web|v1")
	if err != nil {
		t.Fatal(err)
	}
	weights := map[string]uint32{}
	for _, h := range hosts {
		weights[h.Address] = h.Weight
	}
	if heavy, light := weights[backends[0]], weights[backends[1]]; light == 0 || heavy/light != 2 && heavy/light != 3 {
		t.Errorf("weights %v, want three to one", weights)
	}
}

func TestAttachEnvoyErrors(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"apply", []string{"--envoy-admin", "h:1", "--apply"}, exitUsage, "--apply is for --socket"},
		{"load reports", []string{"--envoy-admin", "h:1", "--load", "http://x"}, exitUsage, "--load are for --socket"},
		{"both", []string{"--envoy-admin", "h:1", "--socket", "/s"}, exitUsage, "can't be used together"},
		{"no address", []string{"--envoy-admin", "nonsense"}, exitUsage, "host:port or unix:PATH"},
		{"nobody there", []string{"--envoy-admin", "127.0.0.1:1"}, exitFailed, "GET /server_info"},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, _, errs := call(t, append([]string{"attach"}, test.args...)...)
			if code != test.code || !strings.Contains(errs, test.says) {
				t.Errorf("exit code %d, want %d; says %q, want %q", code, test.code, errs, test.says)
			}
		})
	}
	in, _ := edge(t)
	if code, _, errs := call(t, "attach", "--envoy-admin", "unix:"+in.Admin(), "--backend", "none"); code != exitFailed || !strings.Contains(errs, `no cluster "none"`) {
		t.Errorf("no such cluster: exit code %d: %s", code, errs)
	}
	code, out, errs := call(t, "attach", "--envoy-admin", "unix:"+in.Admin(), "--backend", "lone", "--watch", "2s", "-o", "json")
	if code != exitFine || len(decode(t, out).Pools) != 1 {
		t.Errorf("one host, asked for: exit code %d: %s", code, errs)
	}
}

func TestPoolNames(t *testing.T) {
	for name, want := range map[string]string{
		"web": "web", "outbound|80||svc.ns": "outbound_80__svc.ns", "[2001:db8::1]:80": "2001:db8::1:80", "10.0.0.1:80": "10.0.0.1:80",
	} {
		if diff := cmp.Diff(want, poolName(name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestAttachedDocumentIsTheContract(t *testing.T) {
	data, err := json.Marshal(status.Pool{Envoy: &status.EnvoyCluster{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"cluster", "discovery", "policy", "active_request_bias", "send", "pool_config", "envoy_config"} {
		if !strings.Contains(string(data), `"`+field+`":`) {
			t.Errorf("no %q in %s", field, data)
		}
	}
}
