package xdsclient

import (
	"context"
	"fmt"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	statusv3 "github.com/envoyproxy/go-control-plane/envoy/service/status/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Rejection is a version that the node itself, which is connected, refuses (NACK).
type Rejection struct {
	// Type is cds, eds, lds or rds.
	Type    string    `json:"type"`
	Version string    `json:"version"`
	Error   string    `json:"error"`
	At      time.Time `json:"at"`
}

// rejections asks for what the node refuses. A server that does not tell is no
// error: few control planes do.
func rejections(ctx context.Context, connection grpc.ClientConnInterface, q Query) ([]Rejection, error) {
	out := []Rejection{}
	answer, err := statusv3.NewClientStatusDiscoveryServiceClient(connection).FetchClientStatus(ctx, &statusv3.ClientStatusRequest{
		Node: &corev3.Node{Id: q.Node},
		NodeMatchers: []*matcherv3.NodeMatcher{{
			NodeId: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: q.Node}},
		}},
	}, grpc.MaxCallRecvMsgSize(maxResponse))
	switch status.Code(err) {
	case codes.OK:
	case codes.Unimplemented, codes.PermissionDenied, codes.DeadlineExceeded:
		return out, nil
	default:
		return nil, fmt.Errorf("ask what the node refuses: %w", err)
	}
	for _, client := range answer.GetConfig() {
		for _, c := range client.GetGenericXdsConfigs() {
			k, known := kindOf(c.GetTypeUrl(), kind.typeURL)
			if state := c.GetErrorState(); state != nil && known && q.shows(k) {
				out = append(out, Rejection{k.String(), state.GetVersionInfo(), state.GetDetails(), state.GetLastUpdateAttempt().AsTime()})
			}
		}
	}
	return out, nil
}
