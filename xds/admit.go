package xds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// rules say who is served, and how many.
type rules struct {
	// nodes and clients are patterns of node ids and of names in certificates;
	// none allows all.
	nodes, clients []string
	streams        int
}

func (o Options) rules() rules {
	r := rules{nodes: o.Nodes, streams: o.MaxStreams}
	if o.TLS != nil {
		r.clients = o.TLS.Clients
	}
	return r
}

// refusal is nil for a client that may be served, by its node id and by what its
// certificate proves.
func (r rules) refusal(node string, names []string) error {
	switch {
	case len(r.nodes) > 0 && !matchesAny(r.nodes, node):
		return errors.New("its node id is none of those that xds.nodes allows")
	case len(r.clients) == 0:
		return nil
	case len(names) == 0:
		return errors.New("it has shown no certificate with a name, and xds.tls.clients asks for one")
	case !slices.ContainsFunc(names, func(name string) bool { return matchesAny(r.clients, name) }):
		return fmt.Errorf("none of the names in its certificate, %q, is one that xds.tls.clients allows", names)
	default:
		return nil
	}
}

// Observer is the user agent of clients that look at what is served and route
// nothing by it, such as `trimtab xds dump`. One that looks as a gRPC client has
// "grpc-" before it. No pool's clients are waited for on its account.
const Observer = "trimtab-xds-dump"

func observes(n *corev3.Node) bool {
	return strings.TrimPrefix(n.GetUserAgentName(), "grpc-") == Observer
}

// namesOf are the subject alternative names that a client has proved.
func namesOf(ctx context.Context) []string {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.PeerCertificates) == 0 {
		return nil
	}
	leaf := info.State.PeerCertificates[0]
	names := slices.Clone(leaf.DNSNames)
	for _, uri := range leaf.URIs {
		names = append(names, uri.String())
	}
	return names
}

func matchesAny(patterns []string, text string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, text) })
}

// matches compares with a pattern in which each * is any text.
func matches(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	last := len(parts) - 1
	if !strings.HasPrefix(text, parts[0]) || !strings.HasSuffix(text[len(parts[0]):], parts[last]) {
		return false
	}
	rest := text[len(parts[0]) : len(text)-len(parts[last])]
	for _, part := range parts[1:last] {
		at := strings.Index(rest, part)
		if at < 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	return true
}
