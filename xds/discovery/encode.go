package discovery

import (
	"slices"
	"strconv"
	"sync/atomic"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of envoy.service.discovery.v3 and google.protobuf.Any.
const (
	responseVersion      protowire.Number = 1
	responseResource     protowire.Number = 2
	responseTypeURL      protowire.Number = 4
	responseNonce        protowire.Number = 5
	responseControlPlane protowire.Number = 6

	deltaRemoved      protowire.Number = 6
	deltaControlPlane protowire.Number = 7

	resourceVersion protowire.Number = 1
	resourceBody    protowire.Number = 2
	resourceName    protowire.Number = 3

	anyTypeURL protowire.Number = 1
	anyValue   protowire.Number = 2

	controlPlaneIdentifier protowire.Number = 1
)

// overhead is more than what a resource needs around its name and body.
const overhead = 160

// encoder makes images. Bodies are copied into them as they are.
type encoder struct {
	identifier string
	counts     *counts
	nonces     atomic.Uint64
}

func (e *encoder) encode(k kind, delta bool, from, to *holding, in *snapshot) *image {
	d := differ(from, to)
	made := &image{to: to, nonce: strconv.FormatUint(e.nonces.Add(1), 36), told: d.told, fresh: d.fresh}
	switch {
	case !delta && k.root():
		// What is left out of it is removed.
		d.send = slices.DeleteFunc(slices.Clone(to.stamps), func(s stamp) bool { return s.standing != present })
	case !delta && len(d.send) == 0:
		return made
	case !delta:
		made.told = names(d.send)
	case delta && len(d.send)+len(d.remove) == 0 && (from != nil || !k.root()):
		return made // only who asks for everything waits for an answer even if it is nothing
	}
	size := 2*overhead + len(e.identifier)
	for _, name := range d.remove {
		size += len(name) + overhead
	}
	for _, s := range d.send {
		size += 2*overhead + len(s.name) + len(in.body(k, s.name))
	}
	made.sent = names(d.send)
	m := make([]byte, 0, size)
	m = appendString(m, responseVersion, to.version)
	for _, s := range d.send {
		body := in.body(k, s.name)
		if delta {
			m = appendDeltaResource(m, k, s, body)
		} else {
			m = appendAny(m, responseResource, k.typeURL(), body)
		}
	}
	m = appendString(m, responseTypeURL, k.typeURL())
	m = appendString(m, responseNonce, made.nonce)
	controlPlane := responseControlPlane
	if delta {
		controlPlane = deltaControlPlane
		made.removed = d.remove
		for _, name := range d.remove {
			m = appendString(m, deltaRemoved, name)
		}
	}
	if e.identifier != "" {
		m = protowire.AppendTag(m, controlPlane, protowire.BytesType)
		m = protowire.AppendBytes(m, appendString(nil, controlPlaneIdentifier, e.identifier))
	}
	made.message = m
	e.counts.images[k].Add(1)
	return made
}

func names(of []stamp) []string {
	list := make([]string, len(of))
	for n, s := range of {
		list[n] = s.name
	}
	return list
}

func appendString(m []byte, field protowire.Number, s string) []byte {
	m = protowire.AppendTag(m, field, protowire.BytesType)
	return protowire.AppendString(m, s)
}

func sizeString(field protowire.Number, length int) int {
	return protowire.SizeTag(field) + protowire.SizeBytes(length)
}

func appendAny(m []byte, field protowire.Number, typeURL string, body []byte) []byte {
	m = protowire.AppendTag(m, field, protowire.BytesType)
	m = protowire.AppendVarint(m, uint64(sizeString(anyTypeURL, len(typeURL))+sizeString(anyValue, len(body))))
	m = appendString(m, anyTypeURL, typeURL)
	m = protowire.AppendTag(m, anyValue, protowire.BytesType)
	return protowire.AppendBytes(m, body)
}

func appendDeltaResource(m []byte, k kind, s stamp, body []byte) []byte {
	typeURL := k.typeURL()
	wrapped := sizeString(anyTypeURL, len(typeURL)) + sizeString(anyValue, len(body))
	m = protowire.AppendTag(m, responseResource, protowire.BytesType)
	m = protowire.AppendVarint(m, uint64(sizeString(resourceVersion, versionLength)+
		sizeString(resourceBody, wrapped)+sizeString(resourceName, len(s.name))))
	m = appendString(m, resourceVersion, formatVersion(s.version))
	m = appendAny(m, resourceBody, typeURL, body)
	return appendString(m, resourceName, s.name)
}
