package discovery

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	deltaserver "github.com/envoyproxy/go-control-plane/pkg/server/delta/v3"
	sotwserver "github.com/envoyproxy/go-control-plane/pkg/server/sotw/v3"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// benchEnv makes the test binary a server to be measured: "peer clusters endpoints".
const benchEnv = "DISCOVERY_BENCH_SERVER"

func TestMain(m *testing.M) {
	if arguments := os.Getenv(benchEnv); arguments != "" {
		if err := benchServer(arguments, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench server:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// benchPeer is an implementation under measurement.
type benchPeer interface {
	// serve serves the listener until it is closed.
	serve(net.Listener) error
	// push makes a new version of some clusters effective.
	push(clusters []*endpointv3.ClusterLoadAssignment) error
}

// benchServer obeys "prepare COUNT" (make a new version of that many clusters),
// "push", "cpu" (microseconds used so far) and "rss" (kilobytes, after GC).
func benchServer(arguments string, in io.Reader, out io.Writer) error {
	var name string
	var clusters, size int
	if _, err := fmt.Sscan(arguments, &name, &clusters, &size); err != nil {
		return fmt.Errorf("arguments %q: %w", arguments, err)
	}
	peer, err := newBenchPeer(name)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	version := 1
	if err := peer.push(assignments(clusters, size, version)); err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- peer.serve(listener) }()
	fmt.Fprintln(out, listener.Addr())
	var prepared []*endpointv3.ClusterLoadAssignment
	for lines := bufio.NewScanner(in); lines.Scan(); {
		command, argument, _ := strings.Cut(lines.Text(), " ")
		result := 0
		switch command {
		case "prepare":
			count, err := strconv.Atoi(argument)
			if err != nil {
				return err
			}
			version++
			prepared = assignments(count, size, version)
		case "push":
			if err := peer.push(prepared); err != nil {
				return err
			}
		case "cpu":
			var usage unix.Rusage
			if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
				return err
			}
			result = int((usage.Utime.Nano() + usage.Stime.Nano()) / 1000)
		case "rss":
			prepared = nil
			runtime.GC()
			runtime.GC()
			if result, err = residentKilobytes(); err != nil {
				return err
			}
		}
		fmt.Fprintln(out, result)
	}
	_ = listener.Close()
	<-served // an error, as the listener was closed
	return nil
}

func residentKilobytes() (int, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(text), "VmRSS:")
	var kilobytes int
	_, err = fmt.Sscan(after, &kilobytes)
	return kilobytes, err
}

// assignments makes clusters whose every weight depends on the version.
func assignments(clusters, size, version int) []*endpointv3.ClusterLoadAssignment {
	list := make([]*endpointv3.ClusterLoadAssignment, clusters)
	for c := range list {
		hosts := make([]*endpointv3.LbEndpoint, size)
		for e := range hosts {
			hosts[e] = &endpointv3.LbEndpoint{
				HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{
					Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
						Address:       fmt.Sprintf("10.%d.%d.%d", c/250, c%250, e%250),
						PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(8000 + e/250)},
					}}},
				}},
				LoadBalancingWeight: wrapperspb.UInt32(uint32(1000 + (version*7919+e*31+c)%9000)),
			}
		}
		list[c] = &endpointv3.ClusterLoadAssignment{
			ClusterName: clusterName(c),
			Endpoints: []*endpointv3.LocalityLbEndpoints{{
				LbEndpoints: hosts,
				Locality:    &corev3.Locality{Region: "r", Zone: "z"},
			}},
		}
	}
	return list
}

func clusterName(n int) string { return fmt.Sprintf("cluster-%03d", n) }

func newBenchPeer(name string) (benchPeer, error) {
	switch name {
	case "trimtab":
		s, err := New(Options{View: func(*corev3.Node) string { return testView }})
		return &trimtabPeer{s}, err
	case "snapshot":
		return &snapshotPeer{cache: cachev3.NewSnapshotCache(false, everyNode{}, nil)}, nil
	case "linear":
		return &linearPeer{cache: cachev3.NewLinearCache(endpointType)}, nil
	case "tcp":
		return &tcpPeer{}, nil
	default:
		return nil, fmt.Errorf("no peer %q", name)
	}
}

type trimtabPeer struct{ server *Server }

func (p *trimtabPeer) serve(l net.Listener) error {
	g := grpc.NewServer(p.server.ServerOptions()...)
	p.server.Register(g)
	return g.Serve(l)
}

func (p *trimtabPeer) push(list []*endpointv3.ClusterLoadAssignment) error {
	changed := make([]Resource, len(list))
	for n, a := range list {
		body, err := proto.Marshal(a)
		if err != nil {
			return err
		}
		changed[n] = Resource{Name: a.ClusterName, Body: body}
	}
	return p.server.Publish(testView, Change{TypeURL: endpointType, Changed: changed})
}

// everyNode gives all nodes one snapshot.
type everyNode struct{}

func (everyNode) ID(*corev3.Node) string { return "all" }

type snapshotPeer struct {
	cache   cachev3.SnapshotCache
	version int
	all     map[string]types.Resource
}

func (p *snapshotPeer) serve(l net.Listener) error { return serveCache(l, p.cache) }

func (p *snapshotPeer) push(list []*endpointv3.ClusterLoadAssignment) error {
	if p.all == nil {
		p.all = make(map[string]types.Resource)
	}
	for _, a := range list {
		p.all[a.ClusterName] = a
	}
	resources := make([]types.Resource, 0, len(p.all))
	for _, r := range p.all {
		resources = append(resources, r)
	}
	p.version++
	snapshot, err := cachev3.NewSnapshot(strconv.Itoa(p.version), map[string][]types.Resource{endpointType: resources})
	if err != nil {
		return err
	}
	return p.cache.SetSnapshot(context.Background(), "all", snapshot)
}

type linearPeer struct{ cache *cachev3.LinearCache }

func (p *linearPeer) serve(l net.Listener) error { return serveCache(l, p.cache) }

func (p *linearPeer) push(list []*endpointv3.ClusterLoadAssignment) error {
	changed := make(map[string]types.Resource, len(list))
	for _, a := range list {
		changed[a.ClusterName] = a
	}
	return p.cache.UpdateResources(changed, nil)
}

func serveCache(l net.Listener, cache cachev3.Cache) error {
	g := grpc.NewServer(grpc.MaxConcurrentStreams(1 << 20))
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(g, &cacheServer{
		sotw:  sotwserver.NewServer(context.Background(), cache, nil),
		delta: deltaserver.NewServer(context.Background(), cache, nil),
	})
	return g.Serve(l)
}

// cacheServer is the aggregated service of go-control-plane's own server.
type cacheServer struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer
	sotw  sotwserver.Server
	delta deltaserver.Server
}

func (s *cacheServer) StreamAggregatedResources(stream discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesServer) error {
	return s.sotw.StreamHandler(stream, resourcev3.AnyType)
}

func (s *cacheServer) DeltaAggregatedResources(stream discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	return s.delta.DeltaStreamHandler(stream, resourcev3.AnyType)
}

// tcpPeer writes the bytes of a response to whoever connects, as often as the
// first byte of the connection says. It is what nobody can beat.
type tcpPeer struct {
	mu    sync.Mutex
	conns []tcpConn
}

type tcpConn struct {
	net.Conn
	times int
}

func (p *tcpPeer) serve(l net.Listener) error {
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		var times [1]byte
		if _, err := io.ReadFull(conn, times[:]); err != nil {
			return err
		}
		p.mu.Lock()
		p.conns = append(p.conns, tcpConn{conn, int(times[0])})
		p.mu.Unlock()
	}
}

func (p *tcpPeer) push(list []*endpointv3.ClusterLoadAssignment) error {
	var encoded []byte
	for _, a := range list {
		body, err := proto.Marshal(a)
		if err != nil {
			return err
		}
		encoded = appendAny(encoded, responseResource, endpointType, body)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var writers sync.WaitGroup
	errs := make(chan error, len(p.conns))
	for _, conn := range p.conns {
		writers.Go(func() {
			for range conn.times {
				if _, err := conn.Write(encoded); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	writers.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}
