package redirect

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// clientOf is the address of who asks: the peer, or, where that is a trusted proxy,
// the last one in X-Forwarded-For that is not. Everything before that is the client's
// own invention.
func clientOf(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer, _ := netip.ParseAddrPort(r.RemoteAddr)
	client := peer.Addr().Unmap().WithZone("")
	if !isIn(trusted, client) {
		return client
	}
	lines := r.Header.Values("X-Forwarded-For")
	for _, line := range slices.Backward(lines) {
		for line != "" {
			comma := strings.LastIndexByte(line, ',')
			next, ok := hop(strings.TrimSpace(line[comma+1:]))
			if !ok {
				return client
			}
			if client = next; !isIn(trusted, client) {
				return client
			}
			line = line[:max(comma, 0)]
		}
	}
	return client
}

func isIn(networks []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(a) })
}

// hop reads an address, which some proxies write with a port.
func hop(text string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(text)
	if err != nil {
		with, err := netip.ParseAddrPort(text)
		if err != nil {
			return netip.Addr{}, false
		}
		a = with.Addr()
	}
	return a.Unmap().WithZone(""), true
}
