package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"net"
	"net/netip"
	"strings"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/xds/resource"
)

// change is what lets trimtab steer a cluster.
type change struct {
	// pool is an entry of "pools" in trimtab's configuration, envoy what to add to
	// Envoy's.
	pool, envoy string
}

func (p *envoyPool) change(server string) (change, error) {
	envoy, err := resource.ClusterSnippet(resource.SnippetConfig{
		// Envoy needs both; whoever has a control plane has them.
		Node:    resource.Node{ID: cmp.Or(p.node.ID, "edge-1"), Cluster: cmp.Or(p.node.Cluster, "edge")},
		Server:  resource.Server{Address: server},
		Cluster: p.config.Name, Pool: p.name, Kind: p.plan.Kind,
		HealthChecked: p.config.HealthChecked, ReportLoad: p.version.ReportsEndpoints(),
	})
	if err != nil {
		return change{}, usageError{fmt.Errorf("--server: %w", err)}
	}
	return change{pool: p.poolConfig(), envoy: p.policyNote() + envoy}, nil
}

// policyNote says that the policy changes, too: weights mean something else then.
func (p *envoyPool) policyNote() string {
	now := p.config.Balancing
	switch {
	case now.Policy != resource.LeastRequest:
		return fmt.Sprintf("# This changes the policy from %s to LEAST_REQUEST, which looks at the work that\n# is open, too.\n", now.Policy)
	case !math.IsNaN(now.ActiveRequestBias) && now.ActiveRequestBias != 1:
		return fmt.Sprintf("# This takes out active_request_bias, which is %g now. To keep it, write it into\n# trimtab.yaml, too: envoy: {bias: %[1]g}.\n", now.ActiveRequestBias)
	default:
		return ""
	}
}

// poolConfig lists the hosts as they are now, with their weights for capacities.
func (p *envoyPool) poolConfig() string {
	var b strings.Builder
	fmt.Fprintf(&b, "- name: %q\n", p.name)
	if p.plan.Kind == scorer.KindConnections {
		fmt.Fprintf(&b, "  kind: %s\n", p.plan.Kind)
	}
	switch p.config.Discovery {
	case "EDS":
		fmt.Fprintln(&b, "  # As another control plane lists them now.")
	case "STRICT_DNS":
		fmt.Fprintln(&b, "  # As the names are resolved now.")
	}
	fmt.Fprintln(&b, "  backends:")
	for _, h := range p.now.Hosts {
		fmt.Fprintf(&b, "  - {name: %q, address: %q, capacity: %d}\n", poolName(h.Address), h.Address, h.Weight)
	}
	fmt.Fprintln(&b, "  targets:")
	fmt.Fprintln(&b, "  - envoy: {}")
	return b.String()
}

// poolName is a name that trimtab's configuration accepts. It keeps different names
// different as far as people choose them.
func poolName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-_.:", r):
			return r
		case r == '[' || r == ']': // an IPv6 address is clear without
			return -1
		default:
			return '_'
		}
	}, name)
}

// writeChange prints what is to be added on both sides.
func writeChange(w io.Writer, server string, pools []status.Pool) error {
	listen := server
	if host, port, err := net.SplitHostPort(server); err == nil {
		if _, err := netip.ParseAddr(host); err != nil {
			listen = ":" + port
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n--- For trimtab to steer: what to add to trimtab.yaml\nxds: {listen: %q}\npools:\n", listen)
	for _, p := range pools {
		b.WriteString(p.Envoy.PoolConfig)
	}
	for _, p := range pools {
		fmt.Fprintf(&b, "\n--- and to Envoy's configuration, for cluster %q\n%s", p.Envoy.Cluster, p.Envoy.EnvoyConfig)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
