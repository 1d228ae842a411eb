package xds

import (
	"fmt"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/xds/resource"
)

// A reload changes a cluster. Envoy makes it anew and waits for its endpoints, in
// the delta protocol without asking for them: they come along.
func TestAChangedClusterHasItsEndpointsAtOnce(t *testing.T) {
	for _, sotw := range []bool{false, true} {
		t.Run(fmt.Sprintf("SotW=%t", sotw), func(t *testing.T) {
			s := serve(t, Options{})
			list, members := backends(t, 2)
			before := envoyTarget(t, s.Server, EnvoyOptions{Listener: edge()}, members)
			carryOut(t, before, plan(1.6, 0.4))
			in, at := envoy(t, bootstrap(t, s.Server, resource.BootstrapConfig{StateOfTheWorld: sotw}))
			held, had := sockets(t, at, 10), weights(t, in, list)
			f := flood(t, at)

			bias := 1.0 // as Envoy has it, but said
			cluster := resource.ClusterConfig{Name: "web", ActiveRequestBias: &bias}
			after, err := s.EnvoyTarget("web", EnvoyOptions{Cluster: cluster, Balancing: cluster.Balancing(), Listener: edge()})
			if err != nil {
				t.Fatal(err)
			}
			after.Succeed(before)
			began := time.Now()
			if err := s.Serve([]*Target{after}); err != nil {
				t.Fatal(err)
			}
			until(t, func() error {
				stats, err := in.Stats(t.Context(), `cluster_manager\.(cluster_modified|warming_clusters)`)
				if err == nil && (stats["cluster_manager.cluster_modified"] == 0 || stats["cluster_manager.warming_clusters"] > 0) {
					err = fmt.Errorf("not in force: %v", stats)
				}
				return err
			})
			t.Logf("in force after %s", time.Since(began).Round(time.Millisecond))
			// Without them Envoy would have given up waiting after 2 s.
			stats, err := in.Stats(t.Context(), `cluster\.web\.(init_fetch_timeout|update_attempt)`)
			if n, there := stats["cluster.web.init_fetch_timeout"]; err != nil || n != 0 || !there {
				t.Errorf("it has given up waiting: %v, error %v", stats, err)
			}
			if got := weights(t, in, list); fmt.Sprint(got) != fmt.Sprint(had) {
				t.Errorf("weights %v, before %v", got, had)
			}
			alive(t, held)
			f.stop()
			if n := f.failed.Load(); n > 0 {
				t.Errorf("%d of %d requests failed", n, f.made.Load())
			}
		})
	}
}
