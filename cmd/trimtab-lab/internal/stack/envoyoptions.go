package stack

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"text/template"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
)

// listenerName is Envoy's name of the listener that load goes to.
const listenerName = "lab"

// EnvoyOptions say what a stack with an Envoy is made of. Zero values mean the
// defaults given.
type EnvoyOptions struct {
	// Backends are the emulated servers; those without a name are called s1,
	// s2, … by their place.
	Backends []backend.Config
	// Running are backends that are there already, instead of Backends: several
	// proxies may share them. They stay with who has started them.
	Running []*backend.Backend
	// Weights are the endpoints', 100 each by default. They do not count with a
	// ControlPlane.
	Weights []int
	// ControlPlane, if not nil, is called when the backends are running, and
	// returns the ip:port of the xDS server that Envoy then takes the endpoints
	// of cluster [Pool] from and reports its load to. All else is as without it.
	ControlPlane func(context.Context, []*backend.Backend) (string, error)
	// Steered takes the endpoints from [Stack.Steer] instead, beginning with all
	// Backends and their Weights.
	Steered bool
	// Balancing is the cluster's algorithm in Envoy's words, LEAST_REQUEST as it
	// comes by default.
	Balancing string
	// HealthCheck has Envoy ask backends for /health five times a second, and try
	// another one when a connection is refused.
	HealthCheck bool
	// Timeout is how long an answer may take, a minute by default.
	Timeout time.Duration
	// Concurrency is the number of worker threads, 1 by default.
	Concurrency int
	// Binary is Envoy's path, and Dir where its temporary directory is made; ""
	// for both means what xds/instance takes.
	Binary, Dir string
}

func (o *EnvoyOptions) setDefaults() error {
	var err error
	if o.Running != nil {
		o.Backends = configs(o.Running)
	}
	if o.Backends, o.Weights, err = members(o.Backends, o.Weights); err != nil {
		return err
	}
	if o.Steered && o.ControlPlane != nil {
		return errors.New("stack: an envoy is steered or has a control plane, not both")
	}
	setDefault(&o.Balancing, "lb_policy: LEAST_REQUEST")
	setDefault(&o.Timeout, defaultTimeout)
	setDefault(&o.Concurrency, 1)
	return nil
}

// place is where something listens, for the template.
type place struct {
	Address netip.AddrPort
	Weight  int
}

func places(addrs []string, weights []int) ([]place, error) {
	var all []place
	for i, addr := range addrs {
		at, err := netip.ParseAddrPort(addr)
		if err != nil {
			return nil, fmt.Errorf("stack: envoy needs an ip:port: %w", err)
		}
		all = append(all, place{at, weights[i]})
	}
	return all, nil
}

// config writes the bootstrap for backends at these addresses and, unless they
// are "", the xDS server at that one and the file with the endpoints.
func (o EnvoyOptions) config(addrs []string, controlPlane, file string) (string, error) {
	var values struct {
		Pool, Listener, Balancing, File, Timeout string
		HealthCheck                              bool
		Endpoints                                []place
		ControlPlane                             []place
	}
	values.Pool, values.Listener, values.Balancing, values.File = Pool, listenerName, o.Balancing, file
	values.Timeout, values.HealthCheck = fmt.Sprintf("%gs", o.Timeout.Seconds()), o.HealthCheck
	var err error
	if controlPlane == "" {
		values.Endpoints, err = places(addrs, o.Weights)
	} else {
		values.ControlPlane, err = places([]string{controlPlane}, []int{1})
	}
	if err != nil {
		return "", err
	}
	text, err := template.New("bootstrap").Parse(envoyBootstrap)
	if err != nil {
		return "", fmt.Errorf("stack: envoy's bootstrap: %w", err)
	}
	var b strings.Builder
	if err := text.Execute(&b, values); err != nil {
		return "", fmt.Errorf("stack: envoy's bootstrap: %w", err)
	}
	return b.String(), nil
}

// envoyBootstrap has LEAST_REQUEST as Envoy comes. Its circuit breakers are raised
// and its timeout is that of the HAProxy stacks: what is measured are the
// backends' queues and no limit of the proxy. Where endpoints come from is the only
// difference between an Envoy that is tuned and one that is not. Whoever leaves is
// gone at once: by itself Envoy keeps sending to one that passes its checks.
const envoyBootstrap = `node: {id: lab, cluster: lab}
{{- if .ControlPlane}}
cluster_manager:
  load_stats_config:
    api_type: GRPC
    transport_api_version: V3
    grpc_services: [{envoy_grpc: {cluster_name: trimtab}}]
{{- end}}
static_resources:
  clusters:
  - name: {{.Pool}}
    connect_timeout: 2s
    {{.Balancing}}
{{- if .HealthCheck}}
    ignore_health_on_host_removal: true
    health_checks:
    - {timeout: 1s, interval: 0.2s, no_traffic_interval: 0.2s, unhealthy_threshold: 1, healthy_threshold: 1, http_health_check: {path: /health}}
{{- end}}
    common_lb_config:
      update_merge_window: 0s
      healthy_panic_threshold: {value: 0}
    circuit_breakers: {thresholds: [{max_connections: 1000000, max_pending_requests: 1000000, max_requests: 1000000}]}
{{- if .ControlPlane}}
    type: EDS
    eds_cluster_config:
      eds_config:
        resource_api_version: V3
        initial_fetch_timeout: 5s
        api_config_source:
          api_type: DELTA_GRPC
          transport_api_version: V3
          set_node_on_first_message_only: true
          grpc_services: [{envoy_grpc: {cluster_name: trimtab}}]
  - name: trimtab
    type: STATIC
    connect_timeout: 1s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {connection_keepalive: {interval: 30s, timeout: 5s}}}
    load_assignment:
      cluster_name: trimtab
      endpoints:
      - lb_endpoints:
{{- range .ControlPlane}}
        - endpoint: {address: {socket_address: {address: "{{.Address.Addr}}", port_value: {{.Address.Port}}}}}
{{- end}}
{{- else if .File}}
    type: EDS
    eds_cluster_config: {eds_config: {resource_api_version: V3, path_config_source: {path: "{{.File}}"}}}
{{- else}}
    type: STATIC
    load_assignment:
      cluster_name: {{.Pool}}
      endpoints:
      - lb_endpoints:
{{- range .Endpoints}}
        - load_balancing_weight: {{.Weight}}
          endpoint: {address: {socket_address: {address: "{{.Address.Addr}}", port_value: {{.Address.Port}}}}}
{{- end}}
{{- end}}
  listeners:
  - name: {{.Listener}}
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: lab
          upgrade_configs: [{upgrade_type: websocket}]
          stream_idle_timeout: 0s
          route_config:
            name: lab
            virtual_hosts:
            - name: lab
              domains: ["*"]
              routes: [{match: {prefix: /}, route: {cluster: {{.Pool}}, timeout: {{.Timeout}}, idle_timeout: 3600s}}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
`
