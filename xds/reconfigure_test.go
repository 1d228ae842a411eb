package xds

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	lrsv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/xds/resource"
)

// guesting is a client with a discovery stream and one for load reports.
type guesting struct {
	node       *corev3.Node
	connection *grpc.ClientConn
	discovery  discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesClient
	loads      lrsv3.LoadReportingService_StreamLoadStatsClient
}

func visit(t testing.TB, s *Server, node string, transport credentials.TransportCredentials) *guesting {
	t.Helper()
	g := &guesting{node: &corev3.Node{Id: node}}
	var err error
	if g.connection, err = grpc.NewClient(s.Addr().String(), grpc.WithTransportCredentials(transport)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.connection.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(cancel)
	if g.discovery, err = discoveryv3.NewAggregatedDiscoveryServiceClient(g.connection).StreamAggregatedResources(ctx); err != nil {
		t.Fatal(err)
	}
	if g.loads, err = lrsv3.NewLoadReportingServiceClient(g.connection).StreamLoadStats(ctx); err != nil {
		t.Fatal(err)
	}
	return g
}

// clusters asks, waits for the answer and accepts it.
func (g *guesting) clusters() error {
	// When a stream has failed, Recv knows why.
	_ = g.discovery.Send(&discoveryv3.DiscoveryRequest{Node: g.node, TypeUrl: resource.ClusterType, ResourceNames: []string{"*"}})
	r, err := g.discovery.Recv()
	if err != nil {
		return err
	}
	_ = g.discovery.Send(&discoveryv3.DiscoveryRequest{
		TypeUrl: r.GetTypeUrl(), ResourceNames: []string{"*"}, VersionInfo: r.GetVersionInfo(), ResponseNonce: r.GetNonce(),
	})
	return nil
}

// period reports nothing, and waits for how often it is to be.
func (g *guesting) period() (time.Duration, error) {
	_ = g.loads.Send(&lrsv3.LoadStatsRequest{Node: g.node})
	asked, err := g.loads.Recv()
	return asked.GetLoadReportingInterval().AsDuration(), err
}

func (g *guesting) served(t testing.TB) {
	t.Helper()
	if err := g.clusters(); err != nil {
		t.Fatalf("%s: discovery: %v", g.node.GetId(), err)
	}
	if _, err := g.period(); err != nil {
		t.Fatalf("%s: load reports: %v", g.node.GetId(), err)
	}
}

func (g *guesting) expelled(t testing.TB, why string) {
	t.Helper()
	_, discovery := g.discovery.Recv()
	_, loads := g.loads.Recv()
	for _, err := range []error{discovery, loads} {
		if status.Code(err) != codes.PermissionDenied || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: the stream ends with %v, want %q", g.node.GetId(), err, why)
		}
	}
}

// stays checks that the discovery stream is still the same.
func (g *guesting) stays(t testing.TB) {
	t.Helper()
	_ = g.discovery.Send(&discoveryv3.DiscoveryRequest{TypeUrl: resource.ListenerType, ResourceNames: []string{"*"}})
	if _, err := g.discovery.Recv(); err != nil {
		t.Errorf("%s: discovery: %v", g.node.GetId(), err)
	}
}

func (s *serving) reconfigure(t testing.TB, o Options) {
	t.Helper()
	apply, err := s.Prepare(o)
	if err != nil {
		t.Fatal(err)
	}
	apply()
}

func TestWhoIsNoLongerAllowedIsEnded(t *testing.T) {
	s := serve(t, Options{})
	_, members := backends(t, 1)
	envoyTarget(t, s.Server, EnvoyOptions{Listener: edge()}, members)
	o := s.options
	stays, goes := visit(t, s.Server, "edge-1", insecure.NewCredentials()), visit(t, s.Server, "client-1", insecure.NewCredentials())
	stays.served(t)
	goes.served(t)

	o.Nodes = []string{"edge-*"}
	s.reconfigure(t, o)
	goes.expelled(t, "xds.nodes")
	stays.stays(t)
	if err := visit(t, s.Server, "client-1", insecure.NewCredentials()).clusters(); status.Code(err) != codes.PermissionDenied {
		t.Errorf("who was ended comes back and gets %v", err)
	}

	o.Nodes = []string{"edge-*", "client-*"}
	s.reconfigure(t, o)
	visit(t, s.Server, "client-1", insecure.NewCredentials()).served(t)
}

func TestWhoDoesNotReadIsEndedToo(t *testing.T) {
	s := serve(t, Options{})
	var members []scorer.Backend
	for i := range 5000 {
		members = append(members, scorer.Backend{Name: fmt.Sprintf("b%d", i+1), Address: fmt.Sprintf("127.1.%d.%d:80", i/250, 1+i%250), Capacity: 1})
	}
	target := envoyTarget(t, s.Server, EnvoyOptions{}, members)
	weights := make([]float64, len(members))
	for i := range weights {
		weights[i] = 1
	}
	carryOut(t, target, plan(weights...))
	g := visit(t, s.Server, "deaf-1", insecure.NewCredentials())
	if err := g.discovery.Send(&discoveryv3.DiscoveryRequest{
		Node: g.node, TypeUrl: resource.AssignmentType, ResourceNames: []string{target.name},
	}); err != nil {
		t.Fatal(err)
	}
	// More than the client's window takes: the server waits for it to be read.
	until(t, func() error {
		if nodes := s.Nodes(); len(nodes) != 1 || len(nodes[0].Types) != 1 || nodes[0].Types[0].Sent == "" {
			return fmt.Errorf("clients %+v", nodes)
		}
		return nil
	})
	o := s.options
	o.Nodes = []string{"edge-*"}
	s.reconfigure(t, o)
	until(t, func() error {
		if nodes := s.Nodes(); len(nodes) > 0 {
			return fmt.Errorf("clients %+v", nodes)
		}
		return nil
	})
}

func TestCertificatesAndTheirNamesMayChange(t *testing.T) {
	a, dir := newAuthority(t), t.TempDir()
	files := func(name string) TLS {
		certificate, key := a.issue(t, "xds.test")
		out := TLS{Cert: filepath.Join(dir, name+".pem"), Key: filepath.Join(dir, name+".key"), ClientCA: filepath.Join(dir, "ca.pem")}
		writeFile(t, out.Cert, certificate)
		writeFile(t, out.Key, key)
		writeFile(t, out.ClientCA, a.pem())
		return out
	}
	first := files("first")
	s := serve(t, Options{TLS: &first})
	_, members := backends(t, 1)
	envoyTarget(t, s.Server, EnvoyOptions{Listener: edge()}, members)
	as := func(name string) credentials.TransportCredentials {
		certificate, key := a.issue(t, name)
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			t.Fatal(err)
		}
		config := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "xds.test", Certificates: []tls.Certificate{pair}}
		config.RootCAs.AddCert(a.certificate)
		return credentials.NewTLS(config)
	}
	stays, goes := visit(t, s.Server, "edge-1", as("edge-1.test")), visit(t, s.Server, "edge-2", as("other.test"))
	stays.served(t)
	goes.served(t)

	o, second := s.options, files("second")
	want := a.serial
	second.Clients = []string{"edge-*"}
	o.TLS = &second
	s.reconfigure(t, o)
	goes.expelled(t, "xds.tls.clients")
	stays.stays(t)
	certificate, key := a.issue(t, "edge-3.test")
	if serial, err := asking(t, s.Server, a, certificate, key); err != nil || serial != want {
		t.Errorf("certificate %d, error %v, want the new one %d", serial, err, want)
	}

	missing := second
	missing.Cert = filepath.Join(dir, "nowhere.pem")
	o.TLS = &missing
	if _, err := s.Prepare(o); err == nil || !strings.Contains(err.Error(), "nowhere.pem") {
		t.Errorf("a certificate that is not there: %v", err)
	}
	if serial, err := asking(t, s.Server, a, certificate, key); err != nil || serial != want {
		t.Errorf("after what was refused: certificate %d, error %v, want %d", serial, err, want)
	}
}

func TestIntervalOfLoadReportsMayChange(t *testing.T) {
	s := serve(t, Options{})
	g := visit(t, s.Server, "edge-1", insecure.NewCredentials())
	if period, err := g.period(); err != nil || period != 200*time.Millisecond {
		t.Fatalf("asked for reports every %v, error %v", period, err)
	}
	o := s.options
	o.ReportInterval = time.Second
	s.reconfigure(t, o)
	if period, err := g.period(); err != nil || period != time.Second {
		t.Errorf("asked for reports every %v, error %v, want every second", period, err)
	}
}

func TestNumberOfStreamsMayChange(t *testing.T) {
	s := serve(t, Options{MaxStreams: 2})
	_, members := backends(t, 1)
	envoyTarget(t, s.Server, EnvoyOptions{Listener: edge()}, members)
	first := visit(t, s.Server, "edge-1", insecure.NewCredentials())
	first.served(t)
	tooMany := visit(t, s.Server, "edge-2", insecure.NewCredentials())
	_, loads := tooMany.period()
	for _, err := range []error{tooMany.clusters(), loads} {
		if status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "xds.max_streams") {
			t.Errorf("one stream too many: %v", err)
		}
	}
	o := s.options
	o.MaxStreams = 4
	s.reconfigure(t, o)
	visit(t, s.Server, "edge-3", insecure.NewCredentials()).served(t)
	o.MaxStreams = 1
	s.reconfigure(t, o)
	first.stays(t)
}

// A stream that has said nothing yet takes a place, and leaves it at its end.
func TestStreamsTakePlaces(t *testing.T) {
	s := serve(t, Options{MaxStreams: 2})
	_, members := backends(t, 1)
	envoyTarget(t, s.Server, EnvoyOptions{Listener: edge()}, members)
	silent := visit(t, s.Server, "edge-1", insecure.NewCredentials())
	until(t, func() error {
		s.admission.mu.Lock()
		defer s.admission.mu.Unlock()
		if n := len(s.admission.guests); n != 2 {
			return fmt.Errorf("%d streams", n)
		}
		return nil
	})
	if err := visit(t, s.Server, "edge-2", insecure.NewCredentials()).clusters(); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("one stream too many: %v", err)
	}
	_ = silent.connection.Close()
	until(t, func() error {
		g := visit(t, s.Server, "edge-2", insecure.NewCredentials())
		err := g.clusters()
		if err != nil {
			_ = g.connection.Close() // its other stream may have got the place
		}
		return err
	})
}

func TestWhatCannotChangeIsNamed(t *testing.T) {
	s := serve(t, Options{})
	for name, test := range map[string]struct {
		change func(*Options)
		fixed  bool
		says   string
	}{
		"address":         {func(o *Options) { o.Listen = "127.0.0.1:1" }, true, "xds.listen cannot change while running"},
		"age":             {func(o *Options) { o.MaxConnectionAge = time.Hour }, true, "xds.max_connection_age cannot change while running"},
		"TLS":             {func(o *Options) { o.TLS = &TLS{Cert: "/c", Key: "/k"} }, true, "xds.tls"},
		"two at once":     {func(o *Options) { o.Listen, o.MaxConnectionAge = ":1", time.Hour }, true, "xds.listen, xds.max_connection_age"},
		"an interval":     {func(o *Options) { o.ReportInterval = time.Millisecond }, false, "20ms"},
		"fewer than none": {func(o *Options) { o.MaxStreams = -1 }, false, "-1 streams"},
	} {
		t.Run(name, func(t *testing.T) {
			o := s.options
			test.change(&o)
			if _, err := s.Prepare(o); err == nil || errors.Is(err, ErrFixed) != test.fixed || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v, want %q", err, test.says)
			}
		})
	}
}

func TestClientsAreAskedToConnectAnew(t *testing.T) {
	s := serve(t, Options{MaxConnectionAge: 200 * time.Millisecond})
	_, members := backends(t, 1)
	envoyTarget(t, s.Server, EnvoyOptions{Listener: edge()}, members)
	g := visit(t, s.Server, "edge-1", insecure.NewCredentials())
	g.served(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	// A client that was asked has no connection for new streams until it needs one;
	// the streams that it has go on meanwhile.
	for state := g.connection.GetState(); state != connectivity.Idle; state = g.connection.GetState() {
		if !g.connection.WaitForStateChange(ctx, state) {
			t.Fatalf("the connection is %v still", state)
		}
	}
	g.stays(t)
	visit(t, s.Server, "edge-2", insecure.NewCredentials()).served(t)
}

// A node's id counts as it was sent, however it is shown.
func TestNodeIDsMayHaveBlanks(t *testing.T) {
	s := serve(t, Options{Nodes: []string{"edge *"}})
	_, members := backends(t, 1)
	envoyTarget(t, s.Server, EnvoyOptions{}, members)
	g := visit(t, s.Server, "edge 1", insecure.NewCredentials())
	g.served(t)
	_ = g.loads.Send(&lrsv3.LoadStatsRequest{Node: g.node})
	if _, err := visit(t, s.Server, "edge_1", insecure.NewCredentials()).period(); status.Code(err) != codes.PermissionDenied {
		t.Errorf("another node reports: %v", err)
	}
	until(t, func() error {
		if nodes := s.Nodes(); len(nodes) != 1 || nodes[0].ID != "edge 1" || nodes[0].LastReport.IsZero() {
			return fmt.Errorf("clients %+v", nodes)
		}
		return nil
	})
}

// Without its listener, a server ends as a whole.
func TestNothingGoesOnWithoutTheListener(t *testing.T) {
	s, err := Listen(t.Context(), Options{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(t.Context()) }()
	_, members := backends(t, 1)
	envoyTarget(t, s, EnvoyOptions{}, members)
	g := visit(t, s, "edge-1", insecure.NewCredentials())
	g.served(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), s.Name()) {
		t.Errorf("error %v, want one that names %s", err, s.Name())
	}
	if n := s.Counters().Streams; n > 0 {
		t.Errorf("%d streams go on", n)
	}
}
