package main

import (
	"math"
	"strings"
	"testing"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/xds/admin"
	"github.com/trimtab-lb/trimtab/xds/resource"
)

// Both sides of what is printed say the same of the policy, and say so where it is
// another than before.
func TestChangeKeepsWhatCanBeKept(t *testing.T) {
	usual := math.NaN()
	for name, test := range map[string]struct {
		now    resource.Balancing
		envoy  string
		note   string
		policy string
		bias   float64
	}{
		"least request":           {now: resource.Balancing{Policy: resource.LeastRequest, ActiveRequestBias: usual}, envoy: "lb_policy: LEAST_REQUEST", policy: "least_request", bias: 1},
		"least request of bias 1": {now: resource.Balancing{Policy: resource.LeastRequest, ActiveRequestBias: 1}, envoy: "lb_policy: LEAST_REQUEST", policy: "least_request", bias: 1},
		"least request, biased":   {now: resource.Balancing{Policy: resource.LeastRequest, ActiveRequestBias: 0.5}, envoy: "active_request_bias: {default_value: 0.5,", policy: "least_request", bias: 0.5},
		"round robin":             {now: resource.Balancing{Policy: resource.RoundRobin, ActiveRequestBias: usual}, envoy: "lb_policy: LEAST_REQUEST", note: "# This changes the policy from ROUND_ROBIN to LEAST_REQUEST", policy: "least_request", bias: 1},
		"random":                  {now: resource.Balancing{Policy: resource.Random, ActiveRequestBias: usual}, envoy: "lb_policy: LEAST_REQUEST", note: "# This changes the policy from RANDOM", policy: "least_request", bias: 1},
		"ring hash":               {now: resource.Balancing{Policy: resource.RingHash, ActiveRequestBias: usual}, envoy: "lb_policy: RING_HASH", note: "# RING_HASH shares keys by weight", policy: "round_robin", bias: 1},
	} {
		t.Run(name, func(t *testing.T) {
			p := &envoyPool{name: "web", config: admin.ClusterConfig{Name: "web", Discovery: "STATIC", Balancing: test.now}, now: admin.Cluster{
				Hosts: []admin.Host{{Address: "10.0.0.1:80", Weight: 655360}, {Address: "10.0.0.2:80", Weight: 327680}},
			}}
			got, err := p.change("127.0.0.1:18000")
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(got.envoy, test.envoy) || !strings.HasPrefix(got.envoy, test.note) || test.note == "" && !strings.HasPrefix(got.envoy, "# What to add") {
				t.Errorf("to Envoy's configuration\n%s", got.envoy)
			}
			ours, err := config.Parse("trimtab.yaml", []byte("xds: {listen: \"127.0.0.1:18000\"}\npools:\n"+got.pool))
			if err != nil {
				t.Fatalf("%v\n%s", err, got.pool)
			}
			pool := ours.Pools[0]
			if target := pool.Targets[0].Envoy; target.Policy != test.policy || target.Bias != test.bias {
				t.Errorf("target %+v, want policy %s and bias %g", target, test.policy, test.bias)
			}
			if a, b := pool.Backends[0].Capacity, pool.Backends[1].Capacity; a != 2 || b != 1 {
				t.Errorf("capacities %g and %g, want 2 and 1", a, b)
			}
		})
	}
}

func TestWhoResolvesNamesIsSaid(t *testing.T) {
	for discovery, warns := range map[string]bool{"STRICT_DNS": true, "STATIC": false, "EDS": false} {
		p := &envoyPool{config: admin.ClusterConfig{Discovery: discovery}}
		if got := p.membership(); (len(got) > 0) != warns {
			t.Errorf("%s: warnings %q", discovery, got)
		}
	}
}
