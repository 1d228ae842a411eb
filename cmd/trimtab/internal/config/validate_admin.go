package config

import (
	"net"
	"net/netip"
	"strings"
)

func (v *validator) admin(path string, a Admin) {
	listen, file := path+".listen", path+".token_file"
	if !v.usable(path) {
		return
	}
	if v.usable(listen) {
		v.address(listen, a.Listen, true)
	}
	switch {
	case !v.usable(file):
	case v.given(file) && !strings.HasPrefix(a.TokenFile, "/"):
		v.fail(file, "", "must be an absolute path, is %q", a.TokenFile)
	case !v.given(file) && v.usable(listen) && beyondLoopback(a.Listen):
		v.fail(file, "name a file with a secret that only trimtab can read, or listen on 127.0.0.1",
			"is required because %s can be reached from other machines", a.Listen)
	}
}

// beyondLoopback is true for an address that other machines may reach. A name
// counts as one: what it resolves to can change.
func beyondLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false // reported as no address
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return !ip.Unmap().IsLoopback()
	}
	return !strings.EqualFold(host, "localhost")
}
