package xds

import (
	"cmp"
	"context"
	"strings"

	adminv3 "github.com/envoyproxy/go-control-plane/envoy/admin/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	statusv3 "github.com/envoyproxy/go-control-plane/envoy/service/status/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/trimtab-lb/trimtab/xds/discovery"
)

// clientStatus is the client status discovery service (CSDS): what clients have
// acknowledged and what they refuse, for whoever may be a client.
type clientStatus struct {
	statusv3.UnimplementedClientStatusDiscoveryServiceServer
	server *Server
}

// FetchClientStatus implements [statusv3.ClientStatusDiscoveryServiceServer]. There
// is an entry for each connection of a node, and in it one for each stream and type.
func (c clientStatus) FetchClientStatus(ctx context.Context, request *statusv3.ClientStatusRequest) (*statusv3.ClientStatusResponse, error) {
	if err := c.server.admission.allows(ctx, request.GetNode().GetId()); err != nil {
		return nil, status.Errorf(codes.PermissionDenied, "xds: node %q is not admitted: %v", request.GetNode().GetId(), err)
	}
	for _, m := range request.GetNodeMatchers() {
		if len(m.GetNodeMetadatas()) > 0 || !plain(m.GetNodeId()) {
			return nil, status.Error(codes.InvalidArgument, "xds: nodes are found by their ids alone: exact, prefix, suffix or contains")
		}
	}
	out := &statusv3.ClientStatusResponse{}
	for _, n := range c.server.Nodes() {
		if !wanted(request.GetNodeMatchers(), n.ID) {
			continue
		}
		config := &statusv3.ClientConfig{Node: &corev3.Node{Id: n.ID, Cluster: n.Cluster}}
		for i := range n.Types {
			config.GenericXdsConfigs = append(config.GenericXdsConfigs, genericConfig(&n.Types[i]))
		}
		out.Config = append(out.Config, config)
	}
	return out, nil
}

func genericConfig(t *discovery.TypeStatus) *statusv3.ClientConfig_GenericXdsConfig {
	out := &statusv3.ClientConfig_GenericXdsConfig{
		TypeUrl: t.TypeURL, VersionInfo: t.Acked,
		ConfigStatus: statusv3.ConfigStatus_SYNCED, ClientStatus: adminv3.ClientResourceStatus_ACKED,
	}
	switch {
	case t.Rejected != nil:
		out.ConfigStatus, out.ClientStatus = statusv3.ConfigStatus_ERROR, adminv3.ClientResourceStatus_NACKED
		out.ErrorState = &adminv3.UpdateFailureState{
			Details: t.Rejected.Error, VersionInfo: t.Rejected.Version, LastUpdateAttempt: timestamppb.New(t.Rejected.At),
		}
	case cmp.Or(t.Sent, t.Acked) == "":
		out.ConfigStatus, out.ClientStatus = statusv3.ConfigStatus_NOT_SENT, adminv3.ClientResourceStatus_REQUESTED
	case t.InFlight || t.Due:
		out.ConfigStatus, out.ClientStatus = statusv3.ConfigStatus_STALE, adminv3.ClientResourceStatus_REQUESTED
	}
	return out
}

// wanted says whether any of the matchers, if there are any, is for an id.
func wanted(matchers []*matcherv3.NodeMatcher, id string) bool {
	for _, m := range matchers {
		if compare(m.GetNodeId(), id) {
			return true
		}
	}
	return len(matchers) == 0
}

// plain says whether a matcher is one of those that compare can do.
func plain(m *matcherv3.StringMatcher) bool {
	switch m.GetMatchPattern().(type) {
	case nil, *matcherv3.StringMatcher_Exact, *matcherv3.StringMatcher_Prefix, *matcherv3.StringMatcher_Suffix, *matcherv3.StringMatcher_Contains:
		return !m.GetIgnoreCase()
	default:
		return false
	}
}

// compare is for a matcher that is plain; one without a pattern is for all.
func compare(m *matcherv3.StringMatcher, text string) bool {
	switch p := m.GetMatchPattern().(type) {
	case *matcherv3.StringMatcher_Exact:
		return text == p.Exact
	case *matcherv3.StringMatcher_Prefix:
		return strings.HasPrefix(text, p.Prefix)
	case *matcherv3.StringMatcher_Suffix:
		return strings.HasSuffix(text, p.Suffix)
	case *matcherv3.StringMatcher_Contains:
		return strings.Contains(text, p.Contains)
	default:
		return true
	}
}
