package loadstats

import (
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sync/errgroup"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/xds/instance"
)

const edge = `
node: {id: edge-1, cluster: edge}
cluster_manager:
  load_stats_config:
    api_type: GRPC
    transport_api_version: V3
    grpc_services: [{envoy_grpc: {cluster_name: xds}}]
static_resources:
  clusters:
  - name: xds
    type: STATIC
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
    load_assignment: {cluster_name: xds, endpoints: [{lb_endpoints: [@XDS@]}]}
  - name: ws
    type: STATIC
    lrs_report_endpoint_metrics: [cpu_utilization, application_utilization, "named_metrics.*"]
    load_assignment: {cluster_name: ws, endpoints: [{lb_endpoints: [@BACKENDS@]}]}
  - name: tcp
    type: STATIC
    load_assignment: {cluster_name: tcp, endpoints: [{lb_endpoints: [@BACKENDS@]}]}
  listeners:
  - name: http
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: ws
          upgrade_configs: [{upgrade_type: websocket}]
          route_config:
            virtual_hosts:
            - name: v
              domains: ["*"]
              routes: [{match: {prefix: /}, route: {cluster: ws, timeout: 0s}}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  - name: tcp
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.tcp_proxy
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: tcp, cluster: tcp}
`

// origin is a server behind Envoy.
type origin struct {
	*httptest.Server
	address netip.AddrPort
	held    atomic.Int64
}

func newOrigin(t *testing.T) *origin {
	o := &origin{}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("endpoint-load-metrics", "TEXT cpu_utilization=0.25,named_metrics.queue=3")
		switch r.URL.Path {
		case "/fail":
			w.WriteHeader(http.StatusInternalServerError)
		case "/ws":
			c, err := websocket.Accept(w, r, nil)
			if err != nil {
				t.Errorf("accept: %v", err)
				return
			}
			o.held.Add(1)
			defer o.held.Add(-1)
			_, _, _ = c.Read(context.WithoutCancel(r.Context())) // until the client closes
			_ = c.CloseNow()
		}
	}))
	t.Cleanup(o.Close)
	o.address = netip.MustParseAddrPort(o.Listener.Addr().String())
	return o
}

func envoyAddress(a netip.AddrPort) string {
	return fmt.Sprintf("{endpoint: {address: {socket_address: {address: %q, port_value: %d}}}}", a.Addr(), a.Port())
}

// envoyBinary is a real Envoy, without which the test is skipped outside CI.
func envoyBinary(t *testing.T) string {
	t.Helper()
	binary, err := instance.Find()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return binary
}

// book keeps what reports say: the newest in flight, and all that has finished.
type book struct {
	inFlight, finished, failed, upgrades map[string]float64
	newest                               map[string]scorer.Report
}

func (b *book) enter(r *scorer.Report) {
	seconds := r.Interval.Seconds()
	b.inFlight[r.Backend] = r.InFlight
	b.finished[r.Backend] += r.RPS * seconds
	b.failed[r.Backend] += r.EPS * seconds
	if !math.IsNaN(r.Upgrades) {
		b.upgrades[r.Backend] += r.Upgrades * seconds
	}
	b.newest[r.Backend] = *r
}

func newBook() *book {
	return &book{map[string]float64{}, map[string]float64{}, map[string]float64{}, map[string]float64{}, map[string]scorer.Report{}}
}

func total(m map[string]float64) (sum float64) {
	for _, v := range m {
		sum += v
	}
	return sum
}

// keep enters reports until they say what they should.
func (b *book) keep(t *testing.T, from <-chan scorer.Report, what string, ok func() bool) {
	t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for !ok() {
		select {
		case r := <-from:
			b.enter(&r)
		case <-timeout.C:
			t.Fatalf("not within %s: %s; %+v", patience, what, b)
		}
	}
}

func near(a, b float64) bool { return a > b-1e-6 && a < b+1e-6 }

func TestEnvoy(t *testing.T) {
	binary := envoyBinary(t)
	// Who does not read for some periods loses what was counted in them: they are long
	// enough for a test that is held up for two seconds.
	const every = 500 * time.Millisecond
	s, err := New(Options{Interval: every})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, s, l)
	ws, tcp := Cluster{Pool: "ws", Addresses: map[netip.AddrPort]string{}}, Cluster{Pool: "tcp", Addresses: map[netip.AddrPort]string{}}
	var backends []string
	origins := map[string]*origin{}
	for n := range 3 {
		o := newOrigin(t)
		origins[backend(n)] = o
		ws.Addresses[o.address], tcp.Addresses[o.address] = backend(n), backend(n)
		backends = append(backends, envoyAddress(o.address))
	}
	s.SetMapping(Mapping{"ws": ws, "tcp": tcp})
	fromWS, fromTCP := read(t, s, "ws"), read(t, s, "tcp")
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	t.Cleanup(cancel)
	envoy, err := instance.Start(ctx, instance.Options{Binary: binary, Config: strings.NewReplacer(
		"@XDS@", envoyAddress(netip.MustParseAddrPort(l.Addr().String())), "@BACKENDS@", strings.Join(backends, ", "),
	).Replace(edge)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := envoy.Stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	listener := func(name string) string {
		at, err := envoy.Listener(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		return at.String()
	}
	until(t, "Envoy reports", func() bool { all := s.Status(); return len(all) == 1 && all[0].Reports >= 2 })

	t.Run("requests", func(t *testing.T) {
		b, at := newBook(), listener("http")
		var requests errgroup.Group
		requests.Go(func() error { // while the reports are read
			for i := range 36 {
				path := "/"
				if i%6 == 0 {
					path = "/fail"
				}
				response, err := http.Get("http://" + at + path)
				if err != nil {
					return err
				}
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
			return nil
		})
		b.keep(t, fromWS, "36 requests, 6 errors", func() bool {
			return near(total(b.finished), 36) && near(total(b.failed), 6) && total(b.inFlight) == 0
		})
		if err := requests.Wait(); err != nil {
			t.Fatal(err)
		}
		for name, r := range b.newest {
			if r.CPU != 0.25 || r.Named["queue"] != 3 || r.Origin != "lrs:edge-1" || !r.ByProxy {
				t.Errorf("%s: %+v, want its own word beside the counts", name, r)
			}
		}
	})

	t.Run("WebSockets", func(t *testing.T) {
		b := newBook()
		var held []*websocket.Conn
		for range 9 {
			c, response, err := websocket.Dial(ctx, "ws://"+listener("http")+"/ws", nil)
			if err != nil {
				t.Fatal(err)
			}
			if response.Body != nil {
				response.Body.Close()
			}
			held = append(held, c)
		}
		rightly := func() bool {
			for name, o := range origins {
				if b.inFlight[name] != float64(o.held.Load()) {
					return false
				}
			}
			return true
		}
		b.keep(t, fromWS, "9 held as the servers hold them", func() bool { return total(b.inFlight) == 9 && rightly() })
		// Held through further periods, in which nothing else happens.
		until, wrong := time.Now().Add(5*every), false
		b.keep(t, fromWS, "five more periods", func() bool {
			wrong = wrong || !rightly()
			return wrong || b.newest[backend(0)].At.After(until)
		})
		if wrong {
			t.Errorf("in flight %v, want what the servers hold", b.inFlight)
		}
		for _, c := range held {
			_ = c.CloseNow()
		}
		b.keep(t, fromWS, "all closed", func() bool { return total(b.inFlight) == 0 })
	})

	t.Run("TCP", func(t *testing.T) {
		b := newBook()
		var held []net.Conn
		for range 6 {
			c, err := net.Dial("tcp", listener("tcp"))
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, c)
		}
		b.keep(t, fromTCP, "6 in flight", func() bool { return total(b.inFlight) == 6 })
		for _, c := range held[2:] {
			c.Close()
		}
		b.keep(t, fromTCP, "4 closed", func() bool { return total(b.inFlight) == 2 })
		b.keep(t, fromTCP, "4 finished, all opaque", func() bool { return near(total(b.finished), 4) })
		held[0].Close()
		held[1].Close()
		b.keep(t, fromTCP, "none left", func() bool { return total(b.inFlight) == 0 && near(total(b.finished), 6) && near(total(b.upgrades), 6) })
	})

	t.Run("five reports a second", func(t *testing.T) {
		s.SetInterval(DefaultInterval)
		var gaps []time.Duration
		last := s.Status()[0]
		begun := time.Now()
		until(t, "ten more reports", func() bool {
			now := s.Status()[0]
			if now.Reports > last.Reports {
				gaps = append(gaps, now.LastReport.Sub(last.LastReport))
				last = now
			}
			return len(gaps) == 10
		})
		slices.Sort(gaps)
		t.Logf("%d reports in %v, median gap %v, interval %v, status %+v", len(gaps), time.Since(begun), gaps[5], last.Interval, last)
		if last.Interval < 100*time.Millisecond || gaps[5] > 2*time.Second {
			t.Errorf("interval %v, median gap %v, want about 200 ms", last.Interval, gaps[5])
		}
		if last.UnknownClusters != 1 || last.UnknownEndpoints != 0 || last.Unattributed != 0 || last.Clusters != 2 {
			t.Errorf("status %+v, want two clusters and Envoy's own", last)
		}
	})
}
