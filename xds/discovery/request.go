package discovery

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of envoy.service.discovery.v3 and google.rpc.Status.
const (
	sotwVersion  protowire.Number = 1
	sotwNode     protowire.Number = 2
	sotwNames    protowire.Number = 3
	sotwTypeURL  protowire.Number = 4
	sotwNonce    protowire.Number = 5
	sotwRejected protowire.Number = 6

	deltaNode        protowire.Number = 1
	deltaTypeURL     protowire.Number = 2
	deltaSubscribe   protowire.Number = 3
	deltaUnsubscribe protowire.Number = 4
	deltaInitial     protowire.Number = 5
	deltaNonce       protowire.Number = 6
	deltaRejected    protowire.Number = 7

	statusMessage protowire.Number = 2

	mapKey   protowire.Number = 1
	mapValue protowire.Number = 2
)

// request is a DiscoveryRequest or a DeltaDiscoveryRequest. Its slices are part
// of the message that it was decoded from. Fields that have no use here are
// skipped: an Envoy's node alone has 60 kB.
type request struct {
	typeURL, nonce []byte
	// node is the encoded node, empty if there is none.
	node []byte
	// rejected is whether there is an error_detail, complaint its message.
	rejected  bool
	complaint []byte

	// State of the world: version_info and resource_names.
	version []byte
	names   list

	// Delta: resource_names_subscribe, resource_names_unsubscribe and
	// initial_resource_versions.
	subscribe, unsubscribe list
	initial                []claim
}

// claim is a version that a client says it has.
type claim struct{ name, version string }

// decodeSotW decodes a DiscoveryRequest. before are the resource_names of the
// requests before it, one of which an ACK repeats.
func decodeSotW(message []byte, before ...[]byte) (request, error) {
	var r request
	s := scanner{message: message}
	for s.err == nil && s.next() {
		switch s.field {
		case sotwVersion:
			r.version = s.text()
		case sotwNode:
			r.node = joined(r.node, s.value)
		case sotwNames:
			if r.names.raw != nil || !s.repeated(before) {
				s.text()
			}
			r.names.add(&s)
		case sotwTypeURL:
			r.typeURL = s.text()
		case sotwNonce:
			r.nonce = s.text()
		case sotwRejected:
			s.err = r.reject(s.value)
		}
	}
	if s.err != nil {
		return request{}, fmt.Errorf("decode DiscoveryRequest: field %d: %w", s.field, s.err)
	}
	return r, nil
}

// decodeDelta decodes a DeltaDiscoveryRequest with at most so many versions.
func decodeDelta(message []byte, versions int) (request, error) {
	var r request
	s := scanner{message: message}
	for s.err == nil && s.next() {
		switch s.field {
		case deltaNode:
			r.node = joined(r.node, s.value)
		case deltaTypeURL:
			r.typeURL = s.text()
		case deltaSubscribe:
			s.text()
			r.subscribe.add(&s)
		case deltaUnsubscribe:
			s.text()
			r.unsubscribe.add(&s)
		case deltaInitial:
			if len(r.initial) == versions {
				return request{}, errTooMany
			}
			var c claim
			c, s.err = decodeClaim(s.value)
			r.initial = append(r.initial, c)
		case deltaNonce:
			r.nonce = s.text()
		case deltaRejected:
			s.err = r.reject(s.value)
		}
	}
	if s.err != nil {
		return request{}, fmt.Errorf("decode DeltaDiscoveryRequest: field %d: %w", s.field, s.err)
	}
	return r, nil
}

// joined merges two encodings of one message, of which there is one in practice.
func joined(parts, part []byte) []byte {
	if parts == nil {
		return part
	}
	return append(parts[:len(parts):len(parts)], part...)
}

func (r *request) reject(status []byte) error {
	r.rejected = true
	s := scanner{message: status}
	for s.err == nil && s.next() {
		if s.field == statusMessage {
			r.complaint = s.text()
		}
	}
	return s.err
}

func decodeClaim(entry []byte) (claim, error) {
	var c claim
	s := scanner{message: entry}
	for s.err == nil && s.next() {
		switch s.field {
		case mapKey:
			c.name = string(s.text())
		case mapValue:
			c.version = string(s.text())
		}
	}
	if len(c.name) > maxNameBytes {
		return claim{}, errTooLong
	}
	return c, s.err
}
