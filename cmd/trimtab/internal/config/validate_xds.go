package config

import (
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// minConnectionAge keeps a slip from having all clients do nothing but connect.
const minConnectionAge = 10 * time.Second

func (v *validator) xds(path string, x *XDS) {
	if x == nil || !v.usable(path) {
		return
	}
	v.listen(path+".listen", x.Listen, "where Envoys and gRPC clients connect, such as 10.0.0.9:18000")
	if at := path + ".report_period"; v.usable(at) && (x.ReportPeriod < 20*time.Millisecond || x.ReportPeriod > 10*time.Second) {
		v.fail(at, "default 200ms", "must be 20ms to 10s, is %s", x.ReportPeriod)
	}
	if at := path + ".max_streams"; v.usable(at) && x.MaxStreams < 1 {
		v.fail(at, "default 10000", "must be above 0, is %d", x.MaxStreams)
	}
	if at := path + ".max_connection_age"; v.usable(at) && x.MaxConnectionAge != 0 && x.MaxConnectionAge < minConnectionAge {
		v.fail(at, "write 30m, or 0s for never", "must be at least %s, is %s", minConnectionAge, x.MaxConnectionAge)
	}
	for i, pattern := range x.Nodes {
		if at := path + ".nodes[" + strconv.Itoa(i) + "]"; pattern == "" && v.usable(at) {
			v.fail(at, `write "edge-*"`, "is empty, which no node id is")
		}
	}
	if x.TLS != nil && v.usable(path+".tls") {
		v.tls(path+".tls", x.TLS)
	}
}

func (v *validator) tls(path string, t *TLS) {
	v.keyPair(path, &KeyPair{t.Cert, t.Key})
	v.absolute(path+".client_ca", t.ClientCA)
	if at := path + ".clients"; len(t.Clients) > 0 && t.ClientCA == "" && v.usable(at) && v.usable(path+".client_ca") {
		v.fail(at, "name client_ca, too", "cannot be checked without client certificates")
	}
}

func (v *validator) envoy(path string, p *Pool, e *Envoy, steered map[string]string) {
	if !v.usable(path) {
		return
	}
	cluster := e.Cluster
	if v.given(path + ".cluster") {
		v.name(path+".cluster", cluster)
	} else {
		cluster = p.Name
	}
	v.unique(steered, path, "target", "envoy cluster "+cluster)
	v.reportedOnce(steered, path, p.Name, "envoy cluster "+cluster, "grpc service "+cluster)
	if at := path + ".bias"; v.usable(at) && (e.Bias < 0 || e.Bias > 10) {
		v.fail(at, "Envoy's default is 1", "must be 0 to 10, is %v", e.Bias)
	}
	if at := path + ".listener"; e.Listener != nil && v.usable(at) {
		switch address := at + ".address"; {
		case !v.usable(address):
		case e.Listener.Address == "":
			v.fail(address, "write 0.0.0.0:8080", "is required")
		default:
			v.ipAddress(address, e.Listener.Address)
			v.unique(steered, address, "listener", "listener "+e.Listener.Address)
		}
	}
	if h, at := e.HealthCheck, path+".health_check"; h != nil && v.usable(at) {
		if v.usable(at+".interval") && h.Interval < 100*time.Millisecond {
			v.fail(at+".interval", "default 1s", "must be at least 100ms, is %s", h.Interval)
		}
	}
}

func (v *validator) grpc(path string, p *Pool, g *GRPC, steered map[string]string) {
	if !v.usable(path) {
		return
	}
	service := g.Service
	if v.given(path + ".service") {
		v.name(path+".service", service)
	} else {
		service = p.Name
	}
	v.unique(steered, path, "target", "grpc service "+service)
	v.reportedOnce(steered, path, p.Name, "grpc service "+service, "envoy cluster "+service)
}

// reportedOnce refuses that Envoys know one pool by a name and gRPC clients another
// one: the name is all that their load reports say of the pool.
func (v *validator) reportedOnce(steered map[string]string, path, pool, target, other string) {
	const of = "load reports of "
	steered[of+target] = pool
	if owner, there := steered[of+other]; there && owner != pool && v.usable(path) {
		v.fail(path, "choose another name", "has the name of %s of pool %s: their load reports could not be told apart", other, owner)
	}
}

// endpoints checks that backends can be told to Envoy and gRPC, which resolve no
// names.
func (v *validator) endpoints(pool string, p *Pool) {
	if !slices.ContainsFunc(p.Targets, func(t Target) bool { return t.Envoy != nil || t.GRPC != nil }) {
		return
	}
	steersHAProxy := p.steersHAProxy()
	for i, b := range p.Backends {
		at := pool + ".backends[" + strconv.Itoa(i) + "]"
		switch {
		case !v.usable(at) || !v.usable(at+".address"):
		case b.Address != "":
			v.ipAddress(at+".address", b.Address)
		case !steersHAProxy:
			v.fail(at+".address", "write address: 10.0.0.1:8080", "is required: Envoy and gRPC are told where a backend is")
		}
	}
}

// ipAddress refuses a host name.
func (v *validator) ipAddress(path, value string) {
	if _, err := netip.ParseAddrPort(value); err != nil && v.usable(path) {
		v.fail(path, "write 10.0.0.1:8080", "must be an IP address with a port, as Envoy and gRPC resolve no names here, is %q", value)
	}
}

// needsNoXDS reports the targets that nothing would serve.
func (v *validator) needsNoXDS(pools []Pool) {
	for i, p := range pools {
		for k, t := range p.Targets {
			at := "pools[" + strconv.Itoa(i) + "].targets[" + strconv.Itoa(k) + "]"
			if (t.Envoy != nil || t.GRPC != nil) && v.usable(at) {
				v.fail(at, `add xds: {listen: ":18000"}`, "needs an xDS server")
			}
		}
	}
}
