package resource

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
)

// maxPipe is the longest path that a unix socket can have.
const maxPipe = 107

// Endpoint is one backend of a pool as the data plane is told of it.
type Endpoint struct {
	// Backend is its name, unique in the pool.
	Backend string
	// Address is ip:port with an IPv6 address in brackets, or unix:/path. Host
	// names are refused: neither Envoy nor gRPC resolves what EDS sends.
	Address string
	// Capacity is the configured strength relative to the others, which holds
	// until a plan says more. 0 or less means 1.
	Capacity float64
}

// Valid says whether the data plane takes its address.
func (e Endpoint) Valid() error {
	_, _, err := parseAddress(e.Address)
	return err
}

// parseAddress returns the address as xDS has it. Two endpoints are the same to a
// data plane if their addresses' text is.
func parseAddress(text string) (address *corev3.Address, canonical string, err error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		if len(path) < 2 || len(path) > maxPipe || path[0] != '/' && path[0] != '@' {
			return nil, "", fmt.Errorf("address %q: a unix socket is unix:/path or unix:@name of at most %d bytes", text, maxPipe)
		}
		pipe := &corev3.Pipe{Path: path}
		return &corev3.Address{Address: &corev3.Address_Pipe{Pipe: pipe}}, text, nil
	}
	at, err := netip.ParseAddrPort(text)
	if err != nil {
		return nil, "", fmt.Errorf("address %q is not ip:port: a host name has to be resolved before, as neither Envoy nor gRPC does it", text)
	}
	if at.Addr().Zone() != "" {
		return nil, "", fmt.Errorf("address %q: an interface's own address means nothing to another machine", text)
	}
	if at.Port() == 0 {
		return nil, "", fmt.Errorf("address %q: port 0 is none", text)
	}
	at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	return socketAddress(at), at.String(), nil
}

func socketAddress(at netip.AddrPort) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address:       at.Addr().String(),
		PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(at.Port())},
	}}}
}

// parseAll returns the addresses of all endpoints, or everything that is wrong
// with them.
func parseAll(pool string, endpoints []Endpoint) ([]*corev3.Address, error) {
	var wrong []error
	addresses := make([]*corev3.Address, len(endpoints))
	names := make(map[string]bool, len(endpoints))
	owners := make(map[string]string, len(endpoints))
	for i := range endpoints {
		e := &endpoints[i]
		refuse := func(err error) {
			wrong = append(wrong, fmt.Errorf("pool %s: backend %q: %w", pool, e.Backend, err))
		}
		address, canonical, err := parseAddress(e.Address)
		switch {
		case e.Backend == "" || !utf8.ValidString(e.Backend):
			refuse(errors.New("the name has to be text and not empty"))
		case names[e.Backend]:
			refuse(errors.New("is there twice"))
		case err != nil:
			refuse(err)
		case owners[canonical] != "":
			refuse(fmt.Errorf("address %s is that of %q, too", canonical, owners[canonical]))
		}
		names[e.Backend], owners[canonical] = true, e.Backend
		addresses[i] = address
	}
	return addresses, errors.Join(wrong...)
}

// sorted returns the endpoints by name, so that the order in which they were
// found makes no difference to what is served.
func sorted(endpoints []Endpoint) []Endpoint {
	return slices.SortedFunc(slices.Values(endpoints), func(a, b Endpoint) int {
		return strings.Compare(a.Backend, b.Backend)
	})
}
