package discovery

import resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"

// kind is a resource type. Their order is the order in which one publication
// goes out on an aggregated stream: what is referred to before what refers to it.
type kind int

const (
	clusters kind = iota
	endpoints
	listeners
	routes
	kinds
)

// aggregated stands for all kinds where a stream serves just one.
const aggregated = kinds

func (k kind) typeURL() string {
	switch k {
	case clusters:
		return resourcev3.ClusterType
	case endpoints:
		return resourcev3.EndpointType
	case listeners:
		return resourcev3.ListenerType
	case routes:
		return resourcev3.RouteType
	default:
		return ""
	}
}

// root is true of the types that nothing refers to by name: a state-of-the-world
// response carries all of them, because absence means removal, and a client may
// ask for them without naming any.
func (k kind) root() bool { return k == clusters || k == listeners }

func kindOf[T string | []byte](typeURL T) (kind, bool) {
	switch string(typeURL) {
	case resourcev3.ClusterType:
		return clusters, true
	case resourcev3.EndpointType:
		return endpoints, true
	case resourcev3.ListenerType:
		return listeners, true
	case resourcev3.RouteType:
		return routes, true
	default:
		return kinds, false
	}
}
