package loadstats

import (
	"iter"
	"net/netip"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/proto"
)

// endpointStats is an UpstreamEndpointStats, the parts of it that are read.
type endpointStats struct {
	counts
	address []byte
	// measured says that there are metrics.
	measured bool
	raw      []byte
}

func decodeEndpoint(raw []byte) (endpointStats, error) {
	e := endpointStats{raw: raw}
	for len(raw) > 0 {
		f, rest, err := cut(raw)
		if err != nil {
			return e, err
		}
		switch raw = rest; {
		case f.text(1):
			e.address = joined(e.address, f.bytes)
		case f.varint(2):
			e.succeeded = f.bits
		case f.varint(3):
			e.inProgress = f.bits
		case f.varint(4):
			e.failed = f.bits
		case f.text(5):
			e.measured = true
		case f.varint(7):
			e.issued = f.bits
		}
	}
	return e, nil
}

// metrics iterates over the endpoint's metrics.
func (e *endpointStats) metrics() iter.Seq2[namedMetric, error] { return metricsOf(e.raw) }

// decodeAddress reads an Address. Only IP addresses name a backend; anything
// else, or garbage, does not.
func decodeAddress(raw []byte) (netip.AddrPort, bool) {
	var address corev3.Address
	if proto.Unmarshal(raw, &address) != nil {
		return netip.AddrPort{}, false
	}
	socket := address.GetSocketAddress()
	ip, err := netip.ParseAddr(socket.GetAddress())
	if err != nil || socket.GetPortValue() > 65535 {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(socket.GetPortValue())), true
}
