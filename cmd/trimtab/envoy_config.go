package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/xds/resource"
)

// fillSnippet adds what trimtab's configuration says and nothing has said so far.
// Its error has all that is missing.
func fillSnippet(snippet *resource.SnippetConfig, file, pool string) error {
	parsed, err := config.Load(file)
	if err != nil {
		return err
	}
	p, target, err := envoyTarget(parsed, pool, snippet.Cluster)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	snippet.Pool = target.Cluster
	// trimtab weighs for what the target says, so that this is what the cluster needs.
	snippet.Policy = resource.LeastRequest
	if target.Policy == config.EnvoyRoundRobin {
		snippet.Policy = resource.RoundRobin
	}
	if target.Bias != 1 {
		snippet.ActiveRequestBias = &target.Bias
	}
	if snippet.Kind == scorer.KindAuto {
		snippet.Kind = p.Kind
	}
	snippet.ReportMetrics = p.Forwarded()
	snippet.ReportLoad = snippet.ReportLoad && !backendsReport(p)
	return fillServer(&snippet.Server, file, parsed.XDS)
}

// fillBootstrap adds what trimtab's configuration says of the xDS server.
func fillBootstrap(bootstrap *resource.BootstrapConfig, file string) error {
	parsed, err := config.Load(file)
	if err != nil {
		return err
	}
	steered := slices.DeleteFunc(slices.Clone(parsed.Pools), func(p config.Pool) bool {
		return !slices.ContainsFunc(p.Targets, func(t config.Target) bool { return t.Envoy != nil })
	})
	if len(steered) == 0 {
		return fmt.Errorf("%s: no pool has an envoy target: there is nothing that an Envoy would be served", file)
	}
	if !slices.ContainsFunc(steered, func(p config.Pool) bool { return !backendsReport(p) }) {
		bootstrap.ReportLoad = false
	}
	return fillServer(&bootstrap.Server, file, parsed.XDS)
}

func fillServer(server *resource.Server, file string, listens *config.XDS) error {
	var missing []error
	if server.Address == "" {
		at, err := reachable(listens.Listen)
		if err != nil {
			missing = append(missing, fmt.Errorf("%s: xds.listen: %w", file, err))
		}
		server.Address = at
	}
	missing = append(missing, missingTLS(file, listens.TLS, server.TLS)...)
	if len(missing) > 0 {
		return usageError{errors.Join(missing...)}
	}
	return nil
}

// envoyTarget finds a pool that Envoys follow, and its only target for them or the
// one for a cluster.
func envoyTarget(c *config.Config, name, cluster string) (config.Pool, *config.Envoy, error) {
	var followed []string
	for _, p := range c.Pools {
		var clusters []string
		var target *config.Envoy
		for _, t := range p.Targets {
			if t.Envoy == nil {
				continue
			}
			if clusters = append(clusters, t.Envoy.Cluster); target == nil || t.Envoy.Cluster == cluster {
				target = t.Envoy
			}
		}
		switch {
		case p.Name != name:
			if target != nil {
				followed = append(followed, p.Name)
			}
		case target == nil:
			return p, nil, fmt.Errorf("pool %s has no envoy target: add \"- envoy: {}\" to its targets", name)
		case len(clusters) > 1 && target.Cluster != cluster:
			return p, nil, fmt.Errorf("pool %s has several envoy targets: choose one with --cluster %s", name, strings.Join(clusters, " or --cluster "))
		default:
			return p, target, nil
		}
	}
	if len(followed) == 0 {
		return config.Pool{}, nil, fmt.Errorf("there is no pool %q, and none has an envoy target", name)
	}
	return config.Pool{}, nil, fmt.Errorf("there is no pool %q; with an envoy target there are %s", name, strings.Join(followed, ", "))
}

// backendsReport says whether they report their load without the proxy.
func backendsReport(p config.Pool) bool {
	return slices.ContainsFunc(p.Load, func(l config.LoadSource) bool { return l.Proxy == nil })
}

// reachable is where a client finds a server that listens there.
func reachable(listen string) (string, error) {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return "", err
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		return "", fmt.Errorf("%q is all addresses of its machine: --server is missing, one that the Envoy reaches", listen)
	}
	return listen, nil
}

func missingTLS(file string, server *config.TLS, client *resource.ClientTLS) []error {
	if server == nil {
		if client != nil {
			return []error{fmt.Errorf("%s: xds.tls is not set: the server speaks no TLS, which --ca, --cert, --key and --server-name are for", file)}
		}
		return nil
	}
	if client == nil {
		client = &resource.ClientTLS{}
	}
	var missing []error
	if client.CA == "" {
		missing = append(missing, fmt.Errorf("%s: xds.tls is set: --ca is missing, the authority that has signed %s", file, server.Cert))
	}
	if server.ClientCA != "" && (client.Certificate == "" || client.Key == "") {
		missing = append(missing, fmt.Errorf("%s: xds.tls.client_ca is set: --cert and --key are missing, a certificate that %s has signed", file, server.ClientCA))
	}
	return missing
}
