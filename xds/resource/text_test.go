package resource

import (
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/trimtab-lb/trimtab/scorer"
	"google.golang.org/protobuf/testing/protocmp"
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
		"no node":             {second(Bootstrap(BootstrapConfig{Server: at})), "node"},
		"no server":           {second(Bootstrap(BootstrapConfig{Node: node})), "xDS server"},
		"port 0":              {second(Bootstrap(BootstrapConfig{Node: node, Server: Server{Address: "h:0"}})), "host:port"},
		"admin":               {second(Bootstrap(BootstrapConfig{Node: node, Server: at, Admin: "x"})), "admin"},
		"no CA":               {second(Bootstrap(BootstrapConfig{Node: node, Server: with(ClientTLS{})})), "CA"},
		"no key":              {second(Bootstrap(BootstrapConfig{Node: node, Server: with(ClientTLS{CA: "a", Certificate: "b"})})), "key"},
		"snippet no node":     {second(ClusterSnippet(SnippetConfig{Server: at, Cluster: "c"})), "node"},
		"snippet no weights":  {second(ClusterSnippet(SnippetConfig{Node: node, Server: at, Cluster: "c", Policy: Random})), "ignores weights"},
		"snippet less than 0": {second(ClusterSnippet(SnippetConfig{Node: node, Server: at, Cluster: "c", ActiveRequestBias: new(-1.0)})), "active request bias -1"},
		"snippet no cluster":  {second(ClusterSnippet(SnippetConfig{Node: node, Server: at})), "cluster"},
	} {
		if test.err == nil || !strings.Contains(test.err.Error(), test.want) {
			t.Errorf("%s: error %v does not say %q", label, test.err, test.want)
		}
	}
}

// What is printed for people balances as what is served.
func TestSnippetBalancesAsTheServedCluster(t *testing.T) {
	half, zero := 0.5, 0.0
	for label, c := range map[string]ClusterConfig{
		"requests":              {},
		"connections":           {Kind: scorer.KindConnections},
		"requests, biased":      {ActiveRequestBias: &half},
		"connections, unbiased": {Kind: scorer.KindConnections, ActiveRequestBias: &zero},
		"round robin":           {Policy: RoundRobin},
		"round robin for connections, which has no bias": {Policy: RoundRobin, Kind: scorer.KindConnections, ActiveRequestBias: &half},
		"ring hash": {Policy: RingHash},
		"maglev":    {Policy: Maglev},
	} {
		t.Run(label, func(t *testing.T) {
			c.Name = `a "b" {c}: #d`
			text, err := ClusterSnippet(SnippetConfig{
				Node: Node{"e", "c"}, Server: Server{Address: "127.0.0.1:18000"},
				Cluster: c.Name, Kind: c.Kind, Policy: c.Policy, ActiveRequestBias: c.ActiveRequestBias,
			})
			if err != nil {
				t.Fatal(err)
			}
			printed, err := parseBootstrap(text)
			if err != nil {
				t.Fatal(err)
			}
			served, err := c.build()
			if err != nil {
				t.Fatal(err)
			}
			got := printed.GetStaticResources().GetClusters()[0]
			if diff := cmp.Diff(balancing(served), balancing(got), protocmp.Transform()); diff != "" {
				t.Errorf("(-served +printed):\n%s\n%s", diff, text)
			}
		})
	}
}

// balancing is a cluster with nothing but what weights go through.
func balancing(c *clusterv3.Cluster) *clusterv3.Cluster {
	out := &clusterv3.Cluster{
		Name: c.GetName(), LbPolicy: c.GetLbPolicy(), LoadBalancingPolicy: c.GetLoadBalancingPolicy(),
		CommonLbConfig: c.GetCommonLbConfig(), CircuitBreakers: c.GetCircuitBreakers(),
	}
	if out.LoadBalancingPolicy != nil {
		out.LbPolicy = 0 // it is not looked at
	}
	if least := c.GetLeastRequestLbConfig(); least != nil {
		out.LbConfig = &clusterv3.Cluster_LeastRequestLbConfig_{LeastRequestLbConfig: least}
	}
	return out
}
