package resource

import (
	"fmt"
	"math/bits"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Field numbers of the messages that are encoded by hand.
const (
	assignmentEndpoints = 2 // ClusterLoadAssignment.endpoints

	localityEndpoints = 2 // LocalityLbEndpoints.lb_endpoints
	localityWeight    = 3 // LocalityLbEndpoints.load_balancing_weight

	endpointHealth = 2 // LbEndpoint.health_status
	endpointWeight = 4 // LbEndpoint.load_balancing_weight

	wrappedValue = 1 // UInt32Value.value
)

// All of these fields have tags of one byte.
const (
	sizeTag = 1

	assignmentEndpointsTag = assignmentEndpoints<<3 | byte(protowire.BytesType)
	localityEndpointsTag   = localityEndpoints<<3 | byte(protowire.BytesType)
	localityWeightTag      = localityWeight<<3 | byte(protowire.BytesType)
	endpointHealthTag      = endpointHealth<<3 | byte(protowire.VarintType)
	endpointWeightTag      = endpointWeight<<3 | byte(protowire.BytesType)
	wrappedValueTag        = wrappedValue<<3 | byte(protowire.VarintType)
)

// sizeDraining is the size of an LbEndpoint's health when it drains.
const sizeDraining = sizeTag + 1

func appendDraining(b []byte) []byte {
	return append(b, endpointHealthTag, byte(corev3.HealthStatus_DRAINING))
}

// appendLength begins a message in a field.
func appendLength(b []byte, tag byte, size int) []byte {
	if size < 0x80 {
		return append(b, tag, byte(size))
	}
	return protowire.AppendVarint(append(b, tag), uint64(size))
}

// sizeField is the size of a message in a field.
func sizeField(size int) int {
	if size < 0x80 {
		return sizeTag + 1 + size
	}
	return sizeTag + protowire.SizeBytes(size)
}

// sizeWeight is the size of a weight with its wrapper message.
func sizeWeight(weight uint32) int {
	return sizeTag + 1 + sizeTag + (bits.Len32(weight|1)+6)/7
}

func appendWeight(b []byte, tag byte, weight uint32) []byte {
	b = append(b, tag, byte(sizeWeight(weight)-sizeTag-1), wrappedValueTag)
	for ; weight >= 0x80; weight >>= 7 {
		b = append(b, byte(weight)|0x80)
	}
	return append(b, byte(weight))
}

// encodeFixed encodes what is the same in every version of an assignment.
func encodeFixed(m proto.Message) ([]byte, error) {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	return b, nil
}

func lbEndpoint(address *corev3.Address) *endpointv3.LbEndpoint {
	return &endpointv3.LbEndpoint{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{
		Endpoint: &endpointv3.Endpoint{Address: address},
	}}
}
