package loadstats

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/proto"
)

// Node says who reports.
type Node struct {
	// ID and Cluster are the data plane's own words, made [Printable].
	ID, Cluster string
	// UserAgent is the program, "envoy" or "gRPC Go".
	UserAgent string
	// allClusters says that it understands to be asked for all clusters.
	allClusters bool
}

// listsIdle says whether the data plane lists clusters in which nothing happens,
// so that one which is missing is one that it does not have. Clients of gRPC
// leave them out.
func (n *Node) listsIdle() bool { return n.UserAgent == "envoy" }

// IsGRPC says by its user agent whether a data plane is a client of gRPC: "gRPC Go",
// "grpc-java" and so on. Whatever else there is counts as an Envoy.
func IsGRPC(userAgent string) bool {
	return strings.HasPrefix(strings.ToLower(userAgent), "grpc")
}

// maxName is as much of a data plane's name as is shown.
const maxName = 128

// decodeNode returns the node and its id as it was sent.
func decodeNode(raw []byte) (node Node, id string, err error) {
	if raw == nil {
		return Node{}, "", errors.New("the first load report of a stream has no node")
	}
	var n corev3.Node
	if err := proto.Unmarshal(raw, &n); err != nil {
		return Node{}, "", fmt.Errorf("node of a load report: %w", err)
	}
	return Node{
		ID: Printable(n.GetId()), Cluster: Printable(n.GetCluster()),
		UserAgent:   Printable(n.GetUserAgentName()),
		allClusters: slices.Contains(n.GetClientFeatures(), "envoy.lrs.supports_send_all_clusters"),
	}, n.GetId(), nil
}

// Printable is how a [Node] shows a data plane's own words, so that a foreign name
// breaks no logs, tables and metrics.
func Printable(name string) string {
	if len(name) > maxName {
		name = name[:maxName] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsGraphic(r) || unicode.IsSpace(r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
}
