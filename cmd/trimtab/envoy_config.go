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
// Its error has all that is missing. note is, as a comment, what does not fit
// together.
func fillSnippet(snippet *resource.SnippetConfig, file, pool string) (note string, err error) {
	parsed, err := config.Load(file)
	if err != nil {
		return "", err
	}
	p, target, err := envoyTarget(parsed, pool)
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	snippet.Pool = target.Cluster
	if snippet.Kind == scorer.KindAuto {
		snippet.Kind = p.Kind
	}
	snippet.ReportLoad = snippet.ReportLoad && !backendsReport(p)
	var missing []error
	if snippet.Server.Address == "" {
		if snippet.Server.Address, err = reachable(parsed.XDS.Listen); err != nil {
			missing = append(missing, fmt.Errorf("%s: xds.listen: %w", file, err))
		}
	}
	missing = append(missing, missingTLS(file, parsed.XDS.TLS, snippet.Server.TLS)...)
	if len(missing) > 0 {
		return "", usageError{errors.Join(missing...)}
	}
	return policyNote(p.Name, target), nil
}

// envoyTarget finds a pool that Envoys follow.
func envoyTarget(c *config.Config, name string) (config.Pool, *config.Envoy, error) {
	var followed []string
	for _, p := range c.Pools {
		i := slices.IndexFunc(p.Targets, func(t config.Target) bool { return t.Envoy != nil })
		switch {
		case p.Name == name && i >= 0:
			return p, p.Targets[i].Envoy, nil
		case p.Name == name:
			return p, nil, fmt.Errorf("pool %s has no envoy target: add \"- envoy: {}\" to its targets", name)
		case i >= 0:
			followed = append(followed, p.Name)
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

// policyNote is for a target that is told of another policy than the one printed:
// weights would mean something else.
func policyNote(pool string, target *config.Envoy) string {
	var change string
	switch {
	case target.Policy == config.EnvoyRoundRobin:
		change = "policy round_robin: set lb_policy to ROUND_ROBIN"
	case target.Bias != 1:
		change = fmt.Sprintf("bias %v: set active_request_bias to that", target.Bias)
	default:
		return ""
	}
	return fmt.Sprintf("# The envoy target of pool %s says %s in what follows,\n# or take it out of the target: weights mean different things.\n", pool, change)
}
