package xdsclient

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

	"github.com/trimtab-lb/trimtab/xds"
)

// The views: which kind of client to be.
const (
	ViewEnvoy = "envoy"
	ViewGRPC  = "grpc"
)

// Query says who asks, and for what.
type Query struct {
	// Node is the node id, View one of the views.
	Node, View string
	// Type is cds, eds, lds or rds; "" is all of them.
	Type string
	// Names are those of resources of that type, or without one of clusters and
	// listeners. None: everything there is.
	Names []string
	// Version is the program's.
	Version string
}

// node names its program so that a server can tell which kind of client it is, and
// that it is none that has to be waited for.
func (q Query) node() *corev3.Node {
	agent := xds.Observer
	if q.View == ViewGRPC {
		agent = "grpc-" + agent
	}
	return &corev3.Node{
		Id: q.Node, Cluster: xds.Observer, UserAgentName: agent,
		UserAgentVersionType: &corev3.Node_UserAgentVersion{UserAgentVersion: q.Version},
	}
}

// shows says whether a kind is asked for.
func (q Query) shows(k kind) bool { return q.Type == "" || q.Type == k.String() }

// named says whether it is asked for by the query's names.
func (q Query) named(k kind) bool {
	return len(q.Names) > 0 && (q.Type == k.String() || q.Type == "" && k.root())
}

// needs says whether a root has to be fetched, be it for what it refers to.
func (q Query) needs(root kind) bool {
	leaf := root + 1
	if q.shows(root) || q.shows(leaf) && !q.named(leaf) {
		return true
	}
	// A gRPC client asks for listeners by name, and those are the clusters'.
	return root == clusters && q.listenersOfClusters() && q.needs(listeners)
}

func (q Query) listenersOfClusters() bool { return q.View == ViewGRPC && len(q.Names) == 0 }
