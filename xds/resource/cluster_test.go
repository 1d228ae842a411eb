package resource

import (
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	"github.com/trimtab-lb/trimtab/scorer"
)

func TestClusterSuitsItsPool(t *testing.T) {
	for label, test := range map[string]struct {
		config ClusterConfig
		check  func(c *clusterv3.Cluster) bool
	}{
		"requests take the better of two": {ClusterConfig{Name: "c"}, func(c *clusterv3.Cluster) bool {
			return c.GetLbPolicy() == clusterv3.Cluster_LEAST_REQUEST && c.GetLoadBalancingPolicy() == nil
		}},
		"connections take the best of all": {ClusterConfig{Name: "c", Kind: scorer.KindConnections}, func(c *clusterv3.Cluster) bool {
			return len(c.GetLoadBalancingPolicy().GetPolicies()) == 1
		}},
		"no slow start of Envoy's": {ClusterConfig{Name: "c"}, func(c *clusterv3.Cluster) bool {
			return c.GetLeastRequestLbConfig() == nil
		}},
		"weights act at once": {ClusterConfig{Name: "c"}, func(c *clusterv3.Cluster) bool {
			w := c.GetCommonLbConfig().GetUpdateMergeWindow()
			return w != nil && w.AsDuration() == 0
		}},
		"drains are obeyed": {ClusterConfig{Name: "c"}, func(c *clusterv3.Cluster) bool {
			p := c.GetCommonLbConfig().GetHealthyPanicThreshold()
			return p != nil && p.GetValue() == 0
		}},
		"health checks may be wrong": {ClusterConfig{Name: "c", HealthCheck: &HealthCheck{}}, func(c *clusterv3.Cluster) bool {
			return c.GetCommonLbConfig().GetHealthyPanicThreshold() == nil && c.GetIgnoreHealthOnHostRemoval()
		}},
		"circuit breakers are raised": {ClusterConfig{Name: "c"}, func(c *clusterv3.Cluster) bool {
			for _, b := range c.GetCircuitBreakers().GetThresholds() {
				if min(b.GetMaxConnections().GetValue(), b.GetMaxPendingRequests().GetValue(), b.GetMaxRequests().GetValue()) != openAtOnce {
					return false
				}
			}
			return len(c.GetCircuitBreakers().GetThresholds()) == 2
		}},
	} {
		r, err := test.config.Cluster()
		if err != nil {
			t.Fatal(err)
		}
		if cluster := clusterIn(t, r); !test.check(cluster) {
			t.Errorf("%s: %v", label, cluster)
		}
		again, err := test.config.Cluster()
		if err != nil || string(again.Body) != string(r.Body) {
			t.Errorf("%s: the same cluster has other bytes: %v", label, err)
		}
	}
}

func TestClusterAndListenerRefuse(t *testing.T) {
	for label, test := range map[string]struct {
		err  error
		want string
	}{
		"no name":              {second(ClusterConfig{}.Cluster()), "Name"},
		"random":               {second(ClusterConfig{Name: "c", Policy: Random}.Cluster()), `cluster "c": Envoy's RANDOM`},
		"own weights":          {second(ClusterConfig{Name: "c", Policy: ClientSideWeightedRoundRobin}.Cluster()), "overwrites"},
		"unknown policy":       {second(ClusterConfig{Name: "c", Policy: "BEST"}.Cluster()), `"BEST"`},
		"close without check":  {second(ClusterConfig{Name: "c", CloseOnFailure: true}.Cluster()), "health check"},
		"listener's address":   {second(ListenerConfig{Name: "l", Cluster: "c", Address: "localhost:80"}.Resources()), `listener "l": address`},
		"listener's cluster":   {second(ListenerConfig{Name: "l", Address: "127.0.0.1:80"}.Resources()), "cluster"},
		"listener's name":      {second(ListenerConfig{Cluster: "c", Address: "127.0.0.1:80"}.Resources()), "name"},
		"view without balance": {second(NewEnvoy(EnvoyConfig{Pool: "p", Balancing: Balancing{Policy: "BEST"}})), `pool p: load balancing policy "BEST"`},
	} {
		if test.err == nil || !strings.Contains(test.err.Error(), test.want) {
			t.Errorf("%s: error %v does not say %q", label, test.err, test.want)
		}
	}
}

func TestAddressesHaveOneText(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.1:80": "10.0.0.1:80", "[2001:DB8:0::1]:443": "[2001:db8::1]:443",
		"[::ffff:10.0.0.1]:80": "10.0.0.1:80", "unix:/run/s": "unix:/run/s",
	} {
		if _, got, err := parseAddress(text); err != nil || got != want {
			t.Errorf("%s is %q, want %q: %v", text, got, want, err)
		}
	}
}
