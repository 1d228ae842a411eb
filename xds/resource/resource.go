package resource

import (
	"fmt"

	"google.golang.org/protobuf/proto"
)

// Type URLs of what is served.
const (
	ClusterType    = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
	AssignmentType = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
	ListenerType   = "type.googleapis.com/envoy.config.listener.v3.Listener"
	RouteType      = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
)

// Resource is one encoded message.
type Resource struct {
	// Type is the type URL and Name what clients subscribe to.
	Type, Name string
	// Body is the encoded message: the value of a google.protobuf.Any.
	Body []byte
}

// message is one that validates itself and everything in it.
type message interface {
	proto.Message
	ValidateAll() error
	GetName() string
}

// encode validates and encodes a message; the same message has the same bytes.
func encode(m message) (Resource, error) {
	kind := m.ProtoReflect().Descriptor().FullName()
	if err := m.ValidateAll(); err != nil {
		return Resource{}, fmt.Errorf("%s %q: %w", kind.Name(), m.GetName(), err)
	}
	body, err := encodeFixed(m)
	if err != nil {
		return Resource{}, fmt.Errorf("%s %q: %w", kind.Name(), m.GetName(), err)
	}
	return Resource{Type: "type.googleapis.com/" + string(kind), Name: m.GetName(), Body: body}, nil
}
