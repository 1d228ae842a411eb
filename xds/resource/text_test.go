package resource

import (
	"strings"
	"testing"

	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
)

func TestTextWithTLS(t *testing.T) {
	for name, want := range map[string]struct{ sni, kind string }{
		"xds.example.test": {"xds.example.test", "DNS"},
		"192.0.2.1":        {"", "IP_ADDRESS"},
	} {
		text, err := Bootstrap(BootstrapConfig{
			Node: Node{"e", "c"}, ReportLoad: true,
			Server: Server{Address: name + ":18000", TLS: &ClientTLS{CA: "/ca.pem", Certificate: "/c.pem", Key: "/k.pem"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		bootstrap, err := parseBootstrap(text)
		if err != nil {
			t.Fatal(err)
		}
		context := &tlsv3.UpstreamTlsContext{}
		if err := bootstrap.GetStaticResources().GetClusters()[0].GetTransportSocket().GetTypedConfig().UnmarshalTo(context); err != nil {
			t.Fatal(err)
		}
		names := context.GetCommonTlsContext().GetValidationContext().GetMatchTypedSubjectAltNames()
		if context.GetSni() != want.sni || len(names) != 1 || names[0].GetSanType().String() != want.kind {
			t.Errorf("%s: server name %q and alternatives %v, want %+v", name, context.GetSni(), names, want)
		}
	}
}

func TestBootstrapAndSnippetRefuse(t *testing.T) {
	node, at := Node{"e", "c"}, Server{Address: "127.0.0.1:18000"}
	with := func(tls ClientTLS) Server { return Server{Address: at.Address, TLS: &tls} }
	for label, test := range map[string]struct {
		err  error
		want string
	}{
		"no node":            {second(Bootstrap(BootstrapConfig{Server: at})), "node"},
		"no server":          {second(Bootstrap(BootstrapConfig{Node: node})), "xDS server"},
		"port 0":             {second(Bootstrap(BootstrapConfig{Node: node, Server: Server{Address: "h:0"}})), "host:port"},
		"admin":              {second(Bootstrap(BootstrapConfig{Node: node, Server: at, Admin: "x"})), "admin"},
		"no CA":              {second(Bootstrap(BootstrapConfig{Node: node, Server: with(ClientTLS{})})), "CA"},
		"no key":             {second(Bootstrap(BootstrapConfig{Node: node, Server: with(ClientTLS{CA: "a", Certificate: "b"})})), "key"},
		"snippet no node":    {second(ClusterSnippet(SnippetConfig{Server: at, Cluster: "c"})), "node"},
		"snippet no cluster": {second(ClusterSnippet(SnippetConfig{Node: node, Server: at})), "cluster"},
	} {
		if test.err == nil || !strings.Contains(test.err.Error(), test.want) {
			t.Errorf("%s: error %v does not say %q", label, test.err, test.want)
		}
	}
}
