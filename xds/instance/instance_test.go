package instance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const config = `
node: {id: test, cluster: test}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 1}}}
static_resources:
  clusters:
  - name: c
    type: STATIC
    connect_timeout: 1s
    load_assignment:
      cluster_name: c
      endpoints:
      - lb_endpoints:
        - load_balancing_weight: 7
          endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: PORT}}}
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
            virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: c}}]}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
`

func binary(t *testing.T) string {
	t.Helper()
	path, err := Find()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return path
}

func started(t *testing.T, opts Options) *Instance {
	t.Helper()
	opts.Binary = binary(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	in, err := Start(ctx, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Stop(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(in.dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("directory %s is still there: %v", in.dir, err)
		}
	})
	return in
}

func backend(t *testing.T) (addr, text string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hello")
	}))
	t.Cleanup(server.Close)
	addr = server.Listener.Addr().String()
	return addr, strings.ReplaceAll(config, "PORT", fmt.Sprint(netip.MustParseAddrPort(addr).Port()))
}

func get(t *testing.T, in *Instance) string {
	t.Helper()
	addr, err := in.Listener(t.Context(), "http")
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Get("http://" + addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestServesAndRestarts(t *testing.T) {
	addr, text := backend(t)
	in := started(t, Options{Config: text})
	if got := get(t, in); got != "hello" {
		t.Fatalf("got %q through Envoy", got)
	}
	hosts, err := in.Hosts(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	want := []Host{{Address: addr, Weight: 7, Health: 1, Connections: 1, Total: 1}}
	if diff := cmp.Diff(want, hosts); diff != "" {
		t.Errorf("hosts (-want +got):\n%s", diff)
	}
	stats, err := in.Stats(t.Context(), `cluster\.c\.upstream_rq_total`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int64{"cluster.c.upstream_rq_total": 1}, stats); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
	before := in.PID()
	if err := in.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if in.PID() == before {
		t.Error("restart kept the process")
	}
	if got := get(t, in); got != "hello" {
		t.Fatalf("got %q after restart", got)
	}
	if warned := in.Warnings(); warned != "" {
		t.Errorf("Envoy warns:\n%s", warned)
	}
}

func TestSeveralAtOnce(t *testing.T) {
	_, text := backend(t)
	for range 2 {
		if got := get(t, started(t, Options{Config: text, Concurrency: 1})); got != "hello" {
			t.Fatalf("got %q through Envoy", got)
		}
	}
}

func TestStopEndsAStoppedProcess(t *testing.T) {
	_, text := backend(t)
	in := started(t, Options{Config: text})
	if err := in.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}

func TestErrorCarriesWhatEnvoySays(t *testing.T) {
	_, err := Start(t.Context(), Options{Binary: binary(t), Config: "no_such_field: 1\n"})
	if err == nil || !strings.Contains(err.Error(), "no_such_field") {
		t.Fatalf("error %v does not say what is wrong", err)
	}
}

func TestValidate(t *testing.T) {
	_, text := backend(t)
	for name, test := range map[string]struct{ config, want string }{
		"fine":    {text, ""},
		"refused": {"no_such_field: 1\n", "no_such_field"},
		"warned": {
			text + "layered_runtime: {layers: [{name: l, static_layer: {envoy.reloadable_features.report_load_when_rq_active_is_non_zero: true}}]}\n",
			"removed guard",
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := Validate(t.Context(), binary(t), test.config)
			switch {
			case test.want == "" && err != nil:
				t.Fatal(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Fatalf("error %v does not say %q", err, test.want)
			}
		})
	}
}

func TestFindTakesTheNamedOne(t *testing.T) {
	t.Setenv(environment, "/nowhere/envoy")
	if _, err := Find(); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("error %v, want one of a file that is not there", err)
	}
}
