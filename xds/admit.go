package xds

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// admit is nil for a client that may be served, by its node id and by what its
// certificate proves.
func (o Options) admit(ctx context.Context, node string) error {
	err := o.allowed(ctx, node)
	if err != nil {
		from := ""
		if p, ok := peer.FromContext(ctx); ok {
			from = p.Addr.String()
		}
		o.Logger.Warn("a client is refused", "listener", "xds:"+o.Listen, "node", node, "peer", from, "error", err)
	}
	return err
}

func (o Options) allowed(ctx context.Context, node string) error {
	if len(o.Nodes) > 0 && !matchesAny(o.Nodes, node) {
		return fmt.Errorf("its node id is none of those that xds.nodes allows")
	}
	if o.TLS == nil || len(o.TLS.Clients) == 0 {
		return nil
	}
	names := namesOf(ctx)
	if !slices.ContainsFunc(names, func(name string) bool { return matchesAny(o.TLS.Clients, name) }) {
		return fmt.Errorf("none of the names in its certificate, %q, is one that xds.tls.clients allows", names)
	}
	return nil
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
