package xdsclient

import (
	"fmt"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/trimtab-lb/trimtab/xds/resource"
)

// kind is a type of resources, in the order in which they are shown.
type kind int

const (
	clusters kind = iota
	endpoints
	listeners
	routes
	kinds
)

func (k kind) String() string {
	return [kinds]string{"cds", "eds", "lds", "rds"}[k]
}

func (k kind) typeURL() string {
	return [kinds]string{resource.ClusterType, resource.AssignmentType, resource.ListenerType, resource.RouteType}[k]
}

// root is true of what may be asked for without a name, and is always sent whole.
func (k kind) root() bool { return k == clusters || k == listeners }

func kindOf[T ~string](value T, text func(kind) string) (kind, bool) {
	for k := range kinds {
		if text(k) == string(value) {
			return k, true
		}
	}
	return kinds, false
}

// message is the decoded form of a resource, with its name.
func (k kind) message(a *anypb.Any) (proto.Message, string, error) {
	var m proto.Message
	var name func() string
	switch k {
	case clusters:
		c := &clusterv3.Cluster{}
		m, name = c, c.GetName
	case endpoints:
		e := &endpointv3.ClusterLoadAssignment{}
		m, name = e, e.GetClusterName
	case listeners:
		l := &listenerv3.Listener{}
		m, name = l, l.GetName
	default:
		r := &routev3.RouteConfiguration{}
		m, name = r, r.GetName
	}
	if err := a.UnmarshalTo(m); err != nil {
		return nil, "", fmt.Errorf("%s: a resource of type %q cannot be decoded: %w", k, a.GetTypeUrl(), err)
	}
	return m, name(), nil
}
