package resource

import (
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/xds/instance"
)

var ws = ClusterConfig{Name: "ws", Kind: scorer.KindConnections}

func connections(p scorer.Plan) Update {
	return Update{Plan: p, Kind: scorer.KindConnections}
}

// near fails unless each count is within some of its share of them all.
func near(t *testing.T, what string, got []int, shares []float64, within float64) {
	t.Helper()
	var counted, sum float64
	for i := range got {
		counted += float64(got[i])
		sum += shares[i]
	}
	for i := range got {
		if want := counted * shares[i] / sum; math.Abs(float64(got[i])-want) > within {
			t.Errorf("%s: %v, want shares %v: %s has %d, not %.1f±%.1f", what, got, shares, name(i), got[i], want, within)
			return
		}
	}
	t.Logf("%s: %v for shares %v", what, got, shares)
}

func TestEnvoyHoldsSocketsByShares(t *testing.T) {
	for label, shares := range map[string][]float64{"4:2:1:1": {2, 1, 0.5, 0.5}, "8:5:3:2:1": {8, 5, 3, 2, 1}} {
		t.Run(label, func(t *testing.T) {
			e := newEdge(t, ws, len(shares), connections(planOf(shares...)))
			e.hold(600)
			near(t, "600 WebSockets", e.held(), shares, 2)
		})
	}
}

func TestEnvoySharesRequestsInRoundRobin(t *testing.T) {
	shares := []float64{4, 2, 1.3, 1}
	e := newEdge(t, ClusterConfig{Name: "web", Policy: RoundRobin}, len(shares), Update{Plan: planOf(shares...)})
	got := e.request(10_000, 4)
	near(t, "10,000 requests", got, shares, 0.02*float64(got[3]))
}

func TestEnvoyRandomHeedsNoWeights(t *testing.T) {
	e := newEdge(t, ClusterConfig{Name: "web", Policy: RoundRobin}, 2, Update{Plan: planOf(9, 1)})
	r, err := ClusterConfig{Name: "web", Policy: RoundRobin}.Cluster()
	if err != nil {
		t.Fatal(err)
	}
	cluster := clusterIn(t, r)
	cluster.LbPolicy = clusterv3.Cluster_RANDOM
	changed, err := encode(cluster)
	if err != nil {
		t.Fatal(err)
	}
	e.control.publish(changed)
	e.apply(Update{Plan: planOf(8, 1)}) // which the changed cluster waits for
	e.await("the cluster", func() error {
		stats, err := e.envoy.Stats(t.Context(), `cluster_manager\.(cluster_modified|warming_clusters)`)
		if err == nil && (stats["cluster_manager.cluster_modified"] == 0 || stats["cluster_manager.warming_clusters"] > 0) {
			err = fmt.Errorf("not in force: %v", stats)
		}
		return err
	})
	e.settle()
	near(t, "2,000 requests", e.request(2000, 4), []float64{1, 1}, 150)
}

func TestEnvoyLevelsWhileWeightsAreEqual(t *testing.T) {
	e := newEdge(t, ws, 3, connections(planOf(1, 1)))
	u := connections(planOf(1, 1))
	u.Endpoints = e.endpoints()[:2]
	e.follow(u)
	e.hold(40)
	near(t, "two of three", e.held(), []float64{1, 1, 0}, 1)
	// The third joins, near enough to be equal: it is filled up to the others.
	e.follow(connections(planOf(1.04, 0.98, 0.98)))
	e.hold(20)
	near(t, "levelled", e.held(), []float64{1, 1, 1}, 1)
}

func TestEnvoyDrainsNewWorkOnly(t *testing.T) {
	for _, state := range []scorer.State{scorer.StateDraining, scorer.StateEjected, scorer.StateDown} {
		t.Run(state.String(), func(t *testing.T) {
			e := newEdge(t, ws, 4, connections(planOf(1, 1, 1, 1)))
			e.hold(40)
			before := e.held()
			p := planOf(1, 1, 1, 1)
			for i := range 3 { // with UNHEALTHY, three of four would be a panic
				p.Decisions[i].State = state
			}
			e.follow(connections(p))
			if got := e.request(40, 4); got[3] != 40 {
				t.Errorf("requests %v, want all at the fourth", got)
			}
			e.hold(10)
			before[3] += 10
			if diff := cmp.Diff(before, e.held()); diff != "" {
				t.Errorf("held, the ten new ones at the fourth (-want +got):\n%s", diff)
			}
			if alive := e.alive(); alive != 50 {
				t.Errorf("%d of 50 WebSockets are alive", alive)
			}
		})
	}
}

func TestEnvoyObeysADrainOfAll(t *testing.T) {
	e := newEdge(t, ws, 2, connections(planOf(1, 1)))
	p := planOf(1, 1)
	for i := range p.Decisions {
		p.Decisions[i].State, p.Decisions[i].Drained = scorer.StateDraining, true
	}
	e.follow(connections(p))
	response, err := e.client.Get("http://" + e.addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != 503 {
		t.Errorf("status %d, want 503", response.StatusCode)
	}
}

func TestEnvoyHoldsMoreThanTheDefaultCircuitBreaker(t *testing.T) {
	e := newEdge(t, ws, 2, connections(planOf(1, 1)))
	e.hold(1100)
	near(t, "1,100 WebSockets", e.held(), []float64{1, 1}, 2)
}

func TestEnvoyKnowsTheDepartedUntilTheyHoldNothing(t *testing.T) {
	e := newEdge(t, ws, 3, connections(planOf(1, 1, 1)))
	e.hold(30)
	left, holds := e.endpoints()[2], e.held()[2]
	gone := connections(planOf(1, 1))
	gone.Endpoints = e.endpoints()[:2]
	gone.Departed = []Departed{{left, float64(holds)}}
	e.follow(gone)
	if h := e.hosts()[left.Address]; h.Requests != holds || h.Health != corev3.HealthStatus_DRAINING {
		t.Errorf("Envoy has %+v of the departed, want %d in flight and draining", h, holds)
	}
	if got := e.request(20, 2); got[2] != 0 {
		t.Errorf("requests %v: the departed gets new work", got)
	}
	e.follow(connections(planOf(1, 1, 1)))
	if h := e.hosts()[left.Address]; h.Requests != holds || h.Health != corev3.HealthStatus_HEALTHY {
		t.Errorf("Envoy has %+v when it comes back, want %d in flight and healthy", h, holds)
	}
	gone.Departed[0].InFlight = 0
	e.follow(gone)
	if _, there := e.hosts()[left.Address]; there {
		t.Error("the departed is there although it holds nothing")
	}
	if alive := e.alive(); alive != 30 {
		t.Errorf("%d of 30 WebSockets are alive", alive)
	}
}

func TestEnvoyForgetsDeadlinesAfterAMassDisconnect(t *testing.T) {
	e := newEdge(t, ws, 4, connections(planOf(4, 2, 1, 1)))
	holding := func(n float64) Update {
		p := planOf(4, 2, 1, 1)
		for i := range p.Decisions {
			p.Decisions[i].InFlight = n
		}
		return connections(p)
	}
	e.follow(holding(100))
	e.hold(400)
	e.closeSockets()
	e.await("all sockets closed", func() error {
		for _, h := range e.hosts() {
			if h.Requests > 0 {
				return fmt.Errorf("%+v", h)
			}
		}
		return nil
	})
	t.Logf("40 requests one by one before the push: %v", e.request(40, 1))
	e.follow(holding(0))
	e.hold(40)
	near(t, "40 WebSockets after the push", e.held(), []float64{4, 2, 1, 1}, 2)
}

func TestEnvoyClosesConnectionsOfAFailedTCPEndpoint(t *testing.T) {
	binary := envoyBinary(t)
	e := &edge{t: t, control: newControl(t), client: newEdgeClient()}
	cluster := ClusterConfig{
		Name: "tcp", Kind: scorer.KindConnections, CloseOnFailure: true,
		// A port that nobody listens on refuses at once; a check that is merely late is no
		// failure.
		HealthCheck: &HealthCheck{Interval: 100 * time.Millisecond, Timeout: time.Minute},
	}
	e.view = viewOf(t, cluster)
	r, err := cluster.Cluster()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := ListenerConfig{Name: listenerName, Address: "127.0.0.1:0", Cluster: "tcp", TCP: true}.Resources()
	if err != nil {
		t.Fatal(err)
	}
	backend, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var accepted []net.Conn
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := backend.Accept()
			if err != nil {
				return
			}
			accepted = append(accepted, c)
		}
	}()
	t.Cleanup(func() {
		_ = backend.Close()
		<-done
		for _, c := range accepted {
			_ = c.Close()
		}
	})
	e.control.publish(append(listener, r)...)
	u := connections(planOf(1))
	u.Endpoints = []Endpoint{{Backend: "b1", Address: backend.Addr().String()}}
	e.apply(u)
	text, err := Bootstrap(BootstrapConfig{Node: Node{"edge-1", "edge"}, Server: Server{Address: e.control.addr}, StateOfTheWorld: true})
	if err != nil {
		t.Fatal(err)
	}
	e.start(binary, text)
	held, err := net.Dial("tcp", e.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	e.await("the held connection", func() error {
		if h := e.hosts()[backend.Addr().String()]; h.Requests != 1 {
			return fmt.Errorf("Envoy has %+v", h)
		}
		return nil
	})
	_ = backend.Close() // no new connections: health checks fail, the held one is as good as before
	if err := held.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	_, err = held.Read(make([]byte, 1))
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the held connection is still open: %v", err)
	}
}

const static = `
static_resources:
  listeners:
  - name: edge
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: edge
          upgrade_configs: [{upgrade_type: websocket}]
          stream_idle_timeout: 0s
          route_config:
            virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: mine, timeout: 0s}}]}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
`

func TestEnvoyFollowsEndpointsAlone(t *testing.T) {
	binary := envoyBinary(t)
	for label, whole := range map[string]bool{"delta": false, "state of the world": true} {
		t.Run(label, func(t *testing.T) {
			e := &edge{t: t, control: newControl(t), client: newEdgeClient(), view: viewOf(t, ws)}
			for range 3 {
				e.backends = append(e.backends, newBackend(t))
			}
			e.apply(connections(planOf(4, 2, 1)))
			snippet, err := ClusterSnippet(SnippetConfig{
				Node: Node{"edge-1", "edge"}, Server: Server{Address: e.control.addr},
				Cluster: "mine", Pool: "ws", Kind: scorer.KindConnections, StateOfTheWorld: whole,
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := instance.Validate(t.Context(), binary, snippet); err != nil {
				t.Fatal(err)
			}
			e.start(binary, merged(t, static, snippet))
			e.hold(70)
			near(t, "70 WebSockets", e.held(), []float64{4, 2, 1}, 2)
		})
	}
}

// Envoy's max_connection_duration is none for WebSockets: who counts on it to have
// clients connect anew waits for ever, and no cluster or listener of ours has it.
func TestEnvoyEndsNoWebSocketByAge(t *testing.T) {
	binary := envoyBinary(t)
	e := &edge{t: t, control: newControl(t), client: newEdgeClient(), view: viewOf(t, ws)}
	e.backends = append(e.backends, newBackend(t))
	e.apply(connections(planOf(1)))
	snippet, err := ClusterSnippet(SnippetConfig{
		Node: Node{"edge-1", "edge"}, Server: Server{Address: e.control.addr}, Cluster: "mine", Pool: "ws", Kind: scorer.KindConnections,
	})
	if err != nil {
		t.Fatal(err)
	}
	const limit = 500 * time.Millisecond
	aged := strings.Replace(static, "stream_idle_timeout: 0s", "stream_idle_timeout: 0s\n          common_http_protocol_options: {max_connection_duration: 0.5s}", 1)
	e.start(binary, merged(t, aged, snippet))
	e.hold(5)
	opened := time.Now()
	e.await("four times the limit", func() error {
		near(t, "held", e.held(), []float64{1}, 0)
		if left := 4*limit - time.Since(opened); left > 0 {
			return fmt.Errorf("%v are left", left)
		}
		return nil
	})
}

// A cluster for every policy, and text for every choice, that Envoy takes without
// a warning.
func TestEnvoyValidatesEverything(t *testing.T) {
	binary := envoyBinary(t)
	node, at := Node{"edge-1", "edge"}, Server{Address: "xds.example.test:18000"}
	for label, text := range map[string]func() (string, error){
		"bootstrap": func() (string, error) {
			return Bootstrap(BootstrapConfig{Node: node, Server: at, ReportLoad: true, Admin: "[::1]:9901"})
		},
		"snippet for requests": func() (string, error) {
			return ClusterSnippet(SnippetConfig{Node: node, Server: at, Cluster: `a "b" {c}: #d`, ReportLoad: true, HealthChecked: true})
		},
		"snippet with a bias": func() (string, error) {
			return ClusterSnippet(SnippetConfig{Node: node, Server: at, Cluster: "c", ActiveRequestBias: new(0.5)})
		},
		"snippet for connections with a bias": func() (string, error) {
			return ClusterSnippet(SnippetConfig{Node: node, Server: at, Cluster: "c", Kind: scorer.KindConnections, ActiveRequestBias: new(2.0)})
		},
		"snippet for round robin": func() (string, error) {
			return ClusterSnippet(SnippetConfig{Node: node, Server: at, Cluster: "c", Policy: RoundRobin, ReportMetrics: []string{"application_utilization", "named_metrics.*"}})
		},
	} {
		t.Run(label, func(t *testing.T) {
			got, err := text()
			if err != nil {
				t.Fatal(err)
			}
			if err := instance.Validate(t.Context(), binary, got); err != nil {
				t.Errorf("%v\n%s", err, got)
			}
		})
	}
	for _, policy := range []Policy{LeastRequest, RoundRobin, RingHash, Maglev} {
		for _, check := range []*HealthCheck{nil, {}} {
			t.Run(fmt.Sprint(policy, check != nil), func(t *testing.T) {
				r, err := ClusterConfig{Name: "c", Policy: policy, HealthCheck: check, ReportMetrics: []string{"named_metrics.*"}}.Cluster()
				if err != nil {
					t.Fatal(err)
				}
				cluster := clusterIn(t, r)
				text, err := Bootstrap(BootstrapConfig{Node: node, Server: at})
				if err != nil {
					t.Fatal(err)
				}
				bootstrap, err := parseBootstrap(text)
				if err != nil {
					t.Fatal(err)
				}
				bootstrap.StaticResources.Clusters = append(bootstrap.StaticResources.Clusters, cluster)
				if err := instance.Validate(t.Context(), binary, jsonOf(t, bootstrap)); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
