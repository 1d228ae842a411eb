package config

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/scorer/assign/dns"
	"github.com/trimtab-lb/trimtab/scorer/assign/redirect"
)

func (v *validator) redirect(path string, r *Redirect, steered map[string]string) {
	if !v.usable(path) {
		return
	}
	v.listen(path+".listen", r.Listen, "where clients ask, such as 10.0.0.9:8090")
	if r.Listen != "" {
		v.unique(steered, path+".listen", "target", "redirect "+r.Listen)
	}
	if at := path + ".url"; v.usable(at) {
		if _, err := redirect.ParseTemplate(r.URL); err != nil {
			v.fail(at, `write "ws://{address}{path}"`, "%v", err)
		}
	}
	if at := path + ".key"; v.usable(at) {
		if _, err := redirect.ParseKey(r.Key); err != nil {
			v.fail(at, "write cookie:room", "%v", err)
		}
	}
	if at := path + ".retry_after"; v.usable(at) && (r.RetryAfter < time.Second || r.RetryAfter > 10*time.Minute) {
		v.fail(at, "default 5s", "must be 1s to 10m, is %s", r.RetryAfter)
	}
	v.keyPair(path+".tls", r.TLS)
	v.cors(path+".cors", r.CORS)
	v.networks(path+".trusted_proxies", r.TrustedProxies)
	v.placement(path, r.Placement)
	v.rateLimit(path+".rate_limit", r.RateLimit)
}

func (v *validator) keyPair(path string, k *KeyPair) {
	if k == nil || !v.usable(path) {
		return
	}
	for _, one := range []struct{ key, file string }{{"cert", k.Cert}, {"key", k.Key}} {
		at := path + "." + one.key
		if one.file == "" && v.usable(at) {
			v.fail(at, "the path of a PEM file", "is required")
			continue
		}
		v.absolute(at, one.file)
	}
}

func (v *validator) cors(path string, c *CORS) {
	if c == nil || !v.usable(path) {
		return
	}
	if at := path + ".origins"; len(c.Origins) == 0 && v.usable(at) {
		v.fail(at, `write ["https://app.example.org"]`, "is required")
	}
	for i, origin := range c.Origins {
		at := path + ".origins[" + strconv.Itoa(i) + "]"
		if _, err := redirect.ParseOrigin(origin); err != nil && v.usable(at) {
			v.fail(at, `write https://app.example.org, or "*" for all`, "%v", err)
		}
	}
}

func (v *validator) dns(path string, d *DNS, steered map[string]string) {
	if !v.usable(path) {
		return
	}
	v.listen(path+".listen", d.Listen, "where resolvers ask, such as 10.0.0.9:53")
	zone := ""
	switch at := path + ".name"; {
	case !v.usable(at):
	case d.Name == "":
		v.fail(at, "the zone that is delegated to trimtab, such as farm.example.org", "is required")
	default:
		var err error
		if zone, err = dns.Zone(d.Name); err != nil {
			v.fail(at, "write farm.example.org", "%v", err)
		}
	}
	if d.Listen != "" && zone != "" {
		v.unique(steered, path, "target", "dns "+d.Listen+" "+zone)
	}
	if at := path + ".ttl"; v.usable(at) && (d.TTL < time.Second || d.TTL > time.Hour || d.TTL%time.Second != 0) {
		v.fail(at, "default 5s", "must be whole seconds, 1s to 1h, is %s", d.TTL)
	}
	if at := path + ".service"; v.usable(at) && !dns.IsService(d.Service) {
		v.fail(at, "write _http._tcp", "%q is not a service", d.Service)
	}
	v.nameServers(path+".name_servers", zone, d.NameServers)
	if at := path + ".clients"; v.usable(at) && d.Clients < 1 {
		v.fail(at, "default 1", "must be at least 1, is %v", d.Clients)
	}
	v.placement(path, d.Placement)
	v.rateLimit(path+".rate_limit", d.RateLimit)
}

func (v *validator) nameServers(path, zone string, servers map[string]string) {
	for name, address := range servers {
		at := join(path, name)
		if !v.usable(at) {
			continue
		}
		full, err := dns.Zone(name)
		_, addressErr := netip.ParseAddr(address)
		switch within := err == nil && zone != "" && strings.HasSuffix(full, "."+zone); {
		case err != nil:
			v.fail(at, "write ns1.example.org", "%v", err)
		case full == zone:
			v.fail(at, "write ns."+zone, "has the zone's own name, whose addresses are the backends'")
		case within && address == "":
			v.fail(at, "write "+name+": 192.0.2.53", "needs an address: it is in the zone itself")
		case address != "" && addressErr != nil:
			v.fail(at, "write 192.0.2.53", "%q is not an IP address", address)
		}
	}
}

func (v *validator) placement(path string, p Placement) {
	if at := path + ".fronts"; v.usable(at) && p.Fronts < 1 {
		v.fail(at, "default 1", "must be at least 1, is %d", p.Fronts)
	}
	v.above(path+".bound", p.Bound, 1)
	if at := path + ".full"; v.usable(at) && p.Full < 0 {
		v.fail(at, "0 is never; default 0.95", "must not be negative, is %v", p.Full)
	}
}

func (v *validator) rateLimit(path string, r RateLimit) {
	if at := path + ".per_second"; v.usable(at) && r.PerSecond < 0 {
		v.fail(at, "0 is without limit", "must not be negative, is %v", r.PerSecond)
	}
	if at := path + ".burst"; v.usable(at) && r.Burst < 1 {
		v.fail(at, "", "must be at least 1, is %d", r.Burst)
	}
	v.networks(path+".exempt", r.Exempt)
}

// placedAt checks that backends are where clients can be sent.
func (v *validator) placedAt(pool string, p *Pool) {
	resolved := slices.ContainsFunc(p.Targets, func(t Target) bool { return t.DNS != nil })
	if !resolved && !slices.ContainsFunc(p.Targets, func(t Target) bool { return t.Redirect != nil }) {
		return
	}
	steersHAProxy := p.steersHAProxy()
	for i, b := range p.Backends {
		at := pool + ".backends[" + strconv.Itoa(i) + "]"
		switch {
		case !v.usable(at) || !v.usable(at+".address"):
		case b.Address == "" && !steersHAProxy:
			v.fail(at+".address", "write address: 10.0.0.1:8080", "is required: clients are told where a backend is")
		case resolved && b.Address != "":
			if _, err := netip.ParseAddrPort(b.Address); err != nil {
				v.fail(at+".address", "write 10.0.0.1:8080", "must be an IP address with a port, as DNS answers with it, is %q", b.Address)
			}
		}
	}
}
