package config

import (
	"strings"
	"time"

	"github.com/miekg/dns"
)

// from checks where backends come from.
func (v *validator) from(path string, p *Pool) {
	f := p.From
	if f == nil || !v.usable(path) {
		return
	}
	switch {
	case f.Word != "":
		// Agent-checks alone have a message of their own.
		if p.tellsAddresses() && !p.steersHAProxy() {
			v.fail(path, "list backends, or add a haproxy target", "there is no HAProxy among the targets to take them from")
		}
	case f.DNS != nil && f.File != nil:
		v.fail(path+".file", "remove one of the two", "backends come either from dns or from file")
	case f.DNS != nil:
		v.lookup(path+".dns", f.DNS)
	case f.File != nil && v.usable(path+".file"):
		at := path + ".file"
		v.lookPeriod(at+".period", f.File.Period)
		switch {
		case !v.usable(at + ".path"):
		case f.File.Path == "":
			v.fail(at+".path", "write file: /etc/trimtab/targets.json", "is required")
		case !strings.HasPrefix(f.File.Path, "/"):
			v.fail(at+".path", "", "must be an absolute path, is %q", f.File.Path)
		}
	default:
		v.oneOf(path, []string{FromHAProxy, "dns", "file"})
	}
}

func (v *validator) lookup(path string, d *Lookup) {
	if !v.usable(path) {
		return
	}
	v.lookPeriod(path+".period", d.Period)
	name := path + ".name"
	if _, ok := dns.IsDomainName(d.Name); v.usable(name) && (!ok || d.Name == "") {
		v.fail(name, "write dns: _http._tcp.web.example.com, in full", "%q is not a name", d.Name)
	}
	kind := d.Type
	if kind == "" {
		kind = typeOf(d.Name)
	}
	port := path + ".port"
	switch {
	case !v.usable(port) || !v.usable(path+".type"):
	case kind == TypeSRV && v.given(port):
		v.fail(port, "remove it, or write type: address", "SRV records have ports of their own")
	case kind == TypeAddress && (d.Port < 1 || d.Port > 65535):
		v.fail(port, "write port: 8080; SRV records would have it (type: srv)", "is required for addresses, 1 to 65535")
	}
	if d.Server != "" {
		v.address(path+".server", d.Server, false)
	}
}

func (v *validator) lookPeriod(path string, period time.Duration) {
	if v.usable(path) && period < time.Second {
		v.fail(path, "default 30s", "must be at least 1s, is %s", period)
	}
}

// typeOf is the type that a name has by convention.
func typeOf(name string) string {
	if strings.HasPrefix(name, "_") {
		return TypeSRV
	}
	return TypeAddress
}
