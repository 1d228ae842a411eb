package discovery

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const (
	maxNodeText  = 256
	maxComplaint = 300
)

// client is who is at the other end of a stream. It is immutable.
type client struct {
	view     *view
	viewName string

	id, cluster, agent, peer, identity string
	// observer is whether nobody has to wait for it.
	observer bool
}

func (c *client) latest() *snapshot { return c.view.snapshot.Load() }

// admit decides on a client by its first request. Its errors are gRPC statuses.
func (s *Server) admit(ctx context.Context, encoded []byte) (*client, error) {
	node := &corev3.Node{}
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(encoded, node); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "xds: decode node: %v", err)
	}
	id := node.GetId()
	switch {
	case id == "":
		return nil, status.Error(codes.InvalidArgument, "xds: the first request has no node id")
	case len(id) > maxNodeText:
		return nil, status.Errorf(codes.InvalidArgument, "xds: the node id has %d bytes, at most %d are allowed", len(id), maxNodeText)
	}
	if s.options.Admit != nil {
		if err := s.options.Admit(ctx, node); err != nil {
			return nil, status.Errorf(codes.PermissionDenied, "xds: node %q is not admitted: %s", id, status.Convert(err).Message())
		}
	}
	viewName := s.options.View(node)
	if viewName == "" {
		return nil, status.Errorf(codes.PermissionDenied, "xds: there is nothing for node %q", id)
	}
	c := &client{
		view: s.view(viewName), viewName: viewName,
		id: strings.Clone(id), cluster: cut([]byte(node.GetCluster()), maxNodeText),
		agent:    cut([]byte(agent(node)), maxNodeText),
		observer: s.options.Observer != nil && s.options.Observer(node),
	}
	if p, ok := peer.FromContext(ctx); ok {
		c.peer, c.identity = p.Addr.String(), identity(p.AuthInfo)
	}
	return c, nil
}

// agent reads "envoy 1.40.0".
func agent(node *corev3.Node) string {
	version := node.GetUserAgentVersion()
	if v := node.GetUserAgentBuildVersion().GetVersion(); version == "" && v != nil {
		version = fmt.Sprintf("%d.%d.%d", v.GetMajorNumber(), v.GetMinorNumber(), v.GetPatch())
	}
	return strings.TrimSpace(node.GetUserAgentName() + " " + version)
}

// identity is what the peer has proved: the first URI or DNS name of its
// certificate, else the common name; "" without a certificate.
func identity(info credentials.AuthInfo) string {
	tls, ok := info.(credentials.TLSInfo)
	if !ok || len(tls.State.PeerCertificates) == 0 {
		return ""
	}
	leaf := tls.State.PeerCertificates[0]
	switch {
	case len(leaf.URIs) > 0:
		return leaf.URIs[0].String()
	case len(leaf.DNSNames) > 0:
		return leaf.DNSNames[0]
	default:
		return leaf.Subject.CommonName
	}
}

// shorten makes one short line of a client's complaint: Envoy puts the whole
// rejected message into it.
func shorten(complaint []byte) string {
	short := cut(complaint, maxComplaint)
	return strings.Join(strings.Fields(short), " ")
}

// cut copies at most limit bytes, and no part of a character.
func cut(text []byte, limit int) string {
	if len(text) <= limit {
		return string(text)
	}
	const ellipsis = "…"
	end := limit - len(ellipsis)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return string(text[:end]) + ellipsis
}
