package xds

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/trimtab-lb/trimtab/xds/resource"
)

// traffic is what clients of a listener see.
type traffic struct {
	made, failed atomic.Int64
	stop         func()
}

// flood requests until it is stopped, on connections that are kept.
func flood(t testing.TB, at string) *traffic {
	t.Helper()
	var f traffic
	stop := make(chan struct{})
	var group sync.WaitGroup
	f.stop = sync.OnceFunc(func() { close(stop); group.Wait() })
	t.Cleanup(f.stop)
	for range 4 {
		group.Go(func() {
			client := &http.Client{Timeout: patience, Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for {
				select {
				case <-stop:
					return
				default:
				}
				f.made.Add(1)
				response, err := client.Get("http://" + at + "/")
				if err != nil {
					f.failed.Add(1)
					continue
				}
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
				if response.StatusCode != http.StatusOK {
					f.failed.Add(1)
				}
			}
		})
	}
	return &f
}

// A listener's route moves from one cluster to another, and the first one is
// removed along with that, to and fro: nobody's request fails.
func TestRouteMovesUnderTraffic(t *testing.T) {
	for _, sotw := range []bool{false, true} {
		t.Run(fmt.Sprintf("SotW=%t", sotw), func(t *testing.T) {
			s := serve(t, Options{})
			list, members := backends(t, 2)
			to := func(name string, backend int) *Target {
				target, err := s.EnvoyTarget("web", EnvoyOptions{
					Cluster:  resource.ClusterConfig{Name: name},
					Listener: &resource.ListenerConfig{Name: "web", Address: "127.0.0.1:0", Cluster: name},
				})
				if err != nil {
					t.Fatal(err)
				}
				target.SetBackends(members[backend : backend+1])
				return target
			}
			p := plan(1, 1)
			target := to("blue", 0)
			if err := s.Serve([]*Target{target}); err != nil {
				t.Fatal(err)
			}
			carryOut(t, target, p)
			in, at := envoy(t, bootstrap(t, s.Server, resource.BootstrapConfig{StateOfTheWorld: sotw}))
			f := flood(t, at)
			served := func(backend int) {
				t.Helper()
				before := list[backend].requests.Load()
				until(t, func() error {
					if now := list[backend].requests.Load(); now < before+100 {
						return fmt.Errorf("%d requests to %s", now-before, list[backend].Name)
					}
					return nil
				})
			}
			served(0)
			for round, name := range []string{"green", "blue", "green", "blue"} {
				backend := (round + 1) % 2
				next := to(name, backend)
				// The next cluster's first plan is there when it is served.
				s.mu.Lock()
				update, err := next.served.Update(resource.Update{Plan: p, Kind: p.Kind, Endpoints: next.members})
				s.endpoints[next] = update.Body
				s.mu.Unlock()
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Serve([]*Target{next}); err != nil {
					t.Fatal(err)
				}
				served(backend)
				until(t, func() error {
					stats, err := in.Stats(t.Context(), `cluster_manager\.active_clusters`)
					if err != nil {
						return err
					}
					if n := stats["cluster_manager.active_clusters"]; n != 2 { // this one and trimtab
						return fmt.Errorf("%d clusters", n)
					}
					return nil
				})
			}
			f.stop()
			if n := f.failed.Load(); n > 0 {
				t.Errorf("%d of %d requests failed", n, f.made.Load())
			}
			t.Logf("%d requests", f.made.Load())
		})
	}
}
