package realrun

import (
	"fmt"
	"strings"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/stack"
	"github.com/trimtab-lb/trimtab/scorer"
)

// haproxyOptions are those of one HAProxy of a policy, which has so many connections
// at most.
func haproxyOptions(p simulate.Proxy, weights []int, connections int, checked bool) stack.HAProxyOptions {
	o := stack.HAProxyOptions{Weights: weights, Timeout: patience, MaxConn: connections, Balance: "leastconn"}
	switch p.Algorithm {
	case scorer.RoundRobin:
		o.Balance = "roundrobin"
	case scorer.Random:
		o.Balance = "random(2)"
	}
	if checked {
		o.Lines = []string{"option httpchk GET /health", "option redispatch 1"}
		o.ServerOptions = "check inter 200ms fall 1 rise 1"
	}
	return o
}

// envoyOptions are those of one Envoy of a policy.
func envoyOptions(p simulate.Proxy, weights []int, checked bool) stack.EnvoyOptions {
	o := stack.EnvoyOptions{Weights: weights, Timeout: patience, Concurrency: p.Workers, HealthCheck: checked, Balancing: balancing(p)}
	if o.Concurrency == 0 {
		o.Concurrency = simulate.DefaultWorkers
	}
	return o
}

// balancing is a cluster's algorithm in Envoy's words.
func balancing(p simulate.Proxy) string {
	switch {
	case p.Algorithm == scorer.RoundRobin:
		return "lb_policy: ROUND_ROBIN"
	case p.Choices == 0 && !p.FullScan && p.Bias == nil:
		return "lb_policy: LEAST_REQUEST"
	}
	var fields []string
	if p.Choices > 0 {
		fields = append(fields, fmt.Sprintf("choice_count: %d", p.Choices))
	}
	if p.FullScan {
		fields = append(fields, "selection_method: FULL_SCAN")
	}
	if p.Bias != nil {
		fields = append(fields, fmt.Sprintf("active_request_bias: {default_value: %v, runtime_key: lab.bias}", *p.Bias))
	}
	return extension("least_request", "LeastRequest", fields...)
}

// byReports is Envoy's client_side_weighted_round_robin on what answers say,
// with its defaults and A58's penalty.
func byReports() string {
	return extension("client_side_weighted_round_robin", "ClientSideWeightedRoundRobin", "error_utilization_penalty: 1")
}

func extension(name, message string, fields ...string) string {
	return fmt.Sprintf(`load_balancing_policy: {policies: [{typed_extension_config: {name: envoy.load_balancing_policies.%s, `+
		`typed_config: {"@type": type.googleapis.com/envoy.extensions.load_balancing_policies.%s.v3.%s, %s}}}]}`,
		name, name, message, strings.Join(fields, ", "))
}
