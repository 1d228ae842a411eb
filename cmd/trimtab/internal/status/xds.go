package status

import (
	"math"
	"time"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"github.com/trimtab-lb/trimtab/xds"
	"github.com/trimtab-lb/trimtab/xds/discovery"
)

// XDS is the server that Envoys and gRPC clients take their configuration from.
type XDS struct {
	Listen string `json:"listen"`
	// Nodes are the clients that are connected, by id; never null.
	Nodes []Node `json:"nodes"`
}

// Node is one client on one connection.
type Node struct {
	ID      string `json:"id"`
	Cluster string `json:"cluster"`
	// View is envoy or grpc: what weights mean to it.
	View      string `json:"view"`
	UserAgent string `json:"user_agent"`
	Peer      string `json:"peer"`
	// Identity is the name that its certificate proves, "" without one.
	Identity         string `json:"identity"`
	ConnectedSeconds Number `json:"connected_seconds"`
	// LoadReportAgeSeconds is null for a client that has reported no load.
	LoadReportAgeSeconds Number `json:"load_report_age_seconds"`
	// LoadReportUnattributed is how many clusters of its newest load report name no
	// endpoint that is known, and count for nothing.
	LoadReportUnattributed int `json:"load_report_unattributed"`
	// Types are what it watches, one for each stream and type; never null.
	Types []NodeType `json:"types"`
}

// NodeType is what a client has of one type.
type NodeType struct {
	// Type is cds, eds, lds or rds.
	Type string `json:"type"`
	// Protocol is delta or sotw (state of the world).
	Protocol string `json:"protocol"`
	// Subscribed is how many names it has asked for; Wildcard is that it has asked
	// for everything.
	Subscribed int  `json:"subscribed"`
	Wildcard   bool `json:"wildcard"`
	// VersionSent and VersionAcked are those sent and acknowledged last. A client that
	// has connected with everything has been sent nothing.
	VersionSent  string `json:"version_sent"`
	VersionAcked string `json:"version_acked"`
	// Due is that it has yet to take what is published, and has not refused that.
	Due bool `json:"due"`
	// Nack is null as long as the client takes what it is sent.
	Nack *Nack `json:"nack"`
}

// Nack is a version that a client refuses.
type Nack struct {
	Version string    `json:"version"`
	Error   string    `json:"error"`
	At      time.Time `json:"at"`
}

// TypeName is what people call a type of xDS resources: cds, eds, lds or rds; a
// type of which that is not known is its URL.
func TypeName(typeURL string) string {
	switch typeURL {
	case resourcev3.ClusterType:
		return "cds"
	case resourcev3.EndpointType:
		return "eds"
	case resourcev3.ListenerType:
		return "lds"
	case resourcev3.RouteType:
		return "rds"
	default:
		return typeURL
	}
}

// FromNodes makes the document's part of a server's clients.
func FromNodes(listen string, nodes []xds.Node, now time.Time) *XDS {
	x := &XDS{Listen: listen, Nodes: make([]Node, 0, len(nodes))}
	for _, n := range nodes {
		out := Node{
			ID: n.ID, Cluster: n.Cluster, View: n.View, UserAgent: n.UserAgent, Peer: n.Peer, Identity: n.Identity,
			ConnectedSeconds: age(n.Connected, now), LoadReportAgeSeconds: age(n.LastReport, now), LoadReportUnattributed: n.Unattributed,
			Types: make([]NodeType, 0, len(n.Types)),
		}
		for i := range n.Types {
			out.Types = append(out.Types, nodeType(&n.Types[i]))
		}
		x.Nodes = append(x.Nodes, out)
	}
	return x
}

func nodeType(t *discovery.TypeStatus) NodeType {
	out := NodeType{
		Type: TypeName(t.TypeURL), Protocol: "sotw", Subscribed: t.Subscribed, Wildcard: t.Wildcard,
		VersionSent: t.Sent, VersionAcked: t.Acked, Due: t.Due,
	}
	if t.Delta {
		out.Protocol = "delta"
	}
	if r := t.Rejected; r != nil {
		out.Nack = &Nack{Version: r.Version, Error: r.Error, At: r.At}
	}
	return out
}

// age is null for a time that has not come.
func age(at, now time.Time) Number {
	if at.IsZero() {
		return Number(math.NaN())
	}
	return Number(max(now.Sub(at), 0).Seconds())
}
