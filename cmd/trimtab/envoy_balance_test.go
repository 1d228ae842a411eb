package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	envoyinstance "github.com/trimtab-lb/trimtab/xds/instance"
)

// ownListener is what a static configuration has of its own.
const ownListener = `
name: own
address: {socket_address: {address: 127.0.0.1, port_value: 0}}
filter_chains:
- filters:
  - name: envoy.filters.network.http_connection_manager
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
      stat_prefix: own
      route_config:
        virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: web, timeout: 0s}}]}]
      http_filters:
      - name: envoy.filters.http.router
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
`

// withListener adds a listener to a configuration.
func withListener(t *testing.T, config, listener string) string {
	t.Helper()
	var tree map[string]any
	if err := yaml.Load([]byte(config), &tree); err != nil {
		t.Fatal(err)
	}
	var added any
	if err := yaml.Load([]byte(listener), &added); err != nil {
		t.Fatal(err)
	}
	tree["static_resources"].(map[string]any)["listeners"] = []any{added}
	out, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// holding are three servers that answer at once on /, and on /hold only when the
// client has gone.
func holding(t *testing.T) (addresses [3]string, arrived <-chan struct{}) {
	t.Helper()
	came := make(chan struct{}, 1)
	for i := range addresses {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/hold" {
				return
			}
			came <- struct{}{}
			<-r.Context().Done()
		}))
		t.Cleanup(s.Close)
		addresses[i] = s.Listener.Addr().String()
	}
	return addresses, came
}

// shares are how many of n requests each server has: those that are held, or all.
func shares(t *testing.T, in *envoyinstance.Instance, listener string, servers [3]string, arrived <-chan struct{}, n int, held bool) (out [3]int) {
	t.Helper()
	at, err := in.Listener(t.Context(), listener)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	connections := &http.Transport{}
	defer connections.CloseIdleConnections()
	ask := func(path string) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at.String()+path, nil)
		if err != nil {
			return err
		}
		answer, err := connections.RoundTrip(request)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, answer.Body)
		return answered(err, answer)
	}
	for range n {
		if !held {
			if err := ask("/"); err != nil {
				t.Fatal(err)
			}
			continue
		}
		group.Go(func() { _ = ask("/hold") }) // ends when the test cancels it
		select {
		case <-arrived:
		case <-ctx.Done():
			t.Fatal("a request has not arrived")
		}
	}
	hosts, err := in.Hosts(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hosts {
		for i, address := range servers {
			if h.Address != address {
				continue
			}
			if out[i] = h.Total; held {
				out[i] = h.Requests
			}
		}
	}
	return out
}

func answered(err error, answer *http.Response) error {
	closed := answer.Body.Close()
	switch {
	case err != nil:
		return err
	case closed != nil:
		return closed
	case answer.StatusCode != http.StatusOK:
		return fmt.Errorf("answer %s", answer.Status)
	default:
		return nil
	}
}

// A cluster that a person has put into an Envoy's own configuration, as it is
// printed, shares like the one that is served.
func TestPrintedClusterSharesLikeTheServedOne(t *testing.T) {
	binary := realEnvoy(t)
	for _, test := range []struct {
		name, kind, target string
		requests, within   int
		held               bool
	}{
		{"round robin", "requests", "policy: round_robin", 700, 14, false},
		{"least request with a bias of 2", "connections", "bias: 2", 140, 3, true},
		{"least request with a bias of 0.5", "connections", "bias: 0.5", 140, 3, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			servers, arrived := holding(t)
			xds := freePort(t)
			r := start(t, fmt.Sprintf(`  - name: web
    kind: %s
    law: static
    backends: [{name: a, address: %q, capacity: 4}, {name: b, address: %q, capacity: 2}, {name: c, address: %q}]
    targets: [envoy: {%s, listener: {address: "127.0.0.1:0"}}]
xds: {listen: %q}
`, test.kind, servers[0], servers[1], servers[2], test.target, xds))
			r.until(t, "stepped", stepped)
			code, snippet, errs := call(t, "envoy", "cluster", "--pool", "web", "--config", r.config, "--node-id", "own-1")
			if code != exitFine {
				t.Fatal(errs)
			}
			if err := envoyinstance.Validate(t.Context(), binary, snippet); err != nil {
				t.Fatalf("%v\n%s", err, snippet)
			}
			served, _ := edgeEnvoy(t, xds, "web")
			printed, err := envoyinstance.Start(t.Context(), envoyinstance.Options{Config: withListener(t, snippet, ownListener)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = printed.Stop() })
			r.until(t, "in sync with both", func(d status.Document) bool {
				return len(d.XDS.Nodes) == 2 && d.Pools[0].Targets[0].InSync && len(envoyWeights(t, printed, "web")) == 3
			})
			of := map[string][3]int{
				"served":  shares(t, served, "web", servers, arrived, test.requests, test.held),
				"printed": shares(t, printed, "own", servers, arrived, test.requests, test.held),
			}
			t.Logf("shares of %d: %v", test.requests, of)
			for name, got := range of {
				for i, capacity := range []int{4, 2, 1} {
					if want := test.requests * capacity / 7; math.Abs(float64(got[i]-want)) > float64(test.within) {
						t.Errorf("%s: %v of %d, want %d ± %d at server %d\n%s", name, got, test.requests, want, test.within, i+1, strings.TrimSpace(snippet))
					}
				}
			}
		})
	}
}
