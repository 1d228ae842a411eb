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
	"github.com/trimtab-lb/trimtab/xds/admin"
	"github.com/trimtab-lb/trimtab/xds/resource"
)

// change is what lets trimtab steer a cluster.
type change struct {
	// pool is an entry of "pools" in trimtab's configuration, envoy what to add to
	// Envoy's.
	pool, envoy string
}

func (p *envoyPool) change(server string) (change, error) {
	how := p.balancing()
	envoy, err := resource.ClusterSnippet(resource.SnippetConfig{
		// Envoy needs both; whoever has a control plane has them.
		Node:    resource.Node{ID: cmp.Or(p.node.ID, "edge-1"), Cluster: cmp.Or(p.node.Cluster, "edge")},
		Server:  resource.Server{Address: server},
		Cluster: p.config.Name, Pool: p.name, Kind: p.plan.Kind, Policy: how.policy, ActiveRequestBias: how.bias,
		HealthChecked: p.config.HealthChecked, ReportLoad: p.version.ReportsEndpoints(),
	})
	if err != nil {
		return change{}, usageError{fmt.Errorf("--server: %w", err)}
	}
	return change{pool: p.poolConfig(how), envoy: how.note + envoy}, nil
}

// balancing is how a cluster is to balance, on both sides, as weights mean different
// things to each policy: as it does now, unless nothing could be learned from that.
type balancing struct {
	policy resource.Policy
	bias   *float64 // nil for Envoy's default
	// target has the keys of trimtab's envoy target, note is for who reads the
	// change to Envoy's configuration.
	target, note string
}

func (p *envoyPool) balancing() balancing {
	now := p.config.Balancing
	switch now.Policy {
	case resource.LeastRequest:
		if math.IsNaN(now.ActiveRequestBias) || now.ActiveRequestBias == 1 {
			return balancing{policy: now.Policy}
		}
		return balancing{policy: now.Policy, bias: &now.ActiveRequestBias, target: fmt.Sprintf("bias: %g", now.ActiveRequestBias)}
	case resource.RingHash, resource.Maglev:
		return balancing{policy: now.Policy, target: "policy: round_robin", note: fmt.Sprintf(`# %s shares keys by weight, as round_robin does requests. Keep its own settings,
# if your cluster has any, and have the backends report their load: trimtab learns
# nothing else here.
`, now.Policy)}
	case resource.RoundRobin:
		return balancing{policy: resource.LeastRequest, note: `# This changes the policy from ROUND_ROBIN to LEAST_REQUEST, which looks at the work
# that is open, too, and lets trimtab learn from it. To keep it, have the backends
# report their load, and write envoy: {policy: round_robin} into trimtab.yaml and
# lb_policy: ROUND_ROBIN here.
`}
	default:
		return balancing{policy: resource.LeastRequest, note: fmt.Sprintf(`# This changes the policy from %s, which does not heed the weights that it is
# sent, to LEAST_REQUEST.
`, now.Policy)}
	}
}

// poolConfig lists the hosts as they are now, with their weights for capacities.
func (p *envoyPool) poolConfig(how balancing) string {
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
	unit := commonDivisor(p.now.Hosts)
	for _, h := range p.now.Hosts {
		fmt.Fprintf(&b, "  - {name: %q, address: %q, capacity: %d}\n", poolName(h.Address), h.Address, h.Weight/unit)
	}
	fmt.Fprintln(&b, "  targets:")
	fmt.Fprintf(&b, "  - envoy: {%s}\n", how.target)
	return b.String()
}

// commonDivisor is the largest number that all weights are multiples of: capacities
// are relative, and small ones are read more easily.
func commonDivisor(hosts []admin.Host) uint32 {
	var out uint32
	for _, h := range hosts {
		for a := h.Weight; a != 0; {
			out, a = a, out%a
		}
	}
	return max(out, 1)
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
