package discovery

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const patience = 20 * time.Second

// serve runs the server on a loopback address until the test ends, and checks
// that nothing of it is left then.
func serve(t testing.TB, s *Server) string {
	t.Helper()
	g := grpc.NewServer(s.ServerOptions()...)
	s.Register(g)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- g.Serve(listener) }()
	t.Cleanup(func() {
		g.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if c := s.Counters(); c.Streams != 0 {
			t.Errorf("%d streams are left", c.Streams)
		}
	})
	return listener.Addr().String()
}

func connect(t testing.TB, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// raw is a stream of a real connection, over which bytes go as they are.
type raw struct {
	t      testing.TB
	delta  bool
	stream grpc.ClientStream
}

type bytesCodec struct{}

func (bytesCodec) Name() string { return "proto" }

func (bytesCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (bytesCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

var _ encoding.CodecV2 = bytesCodec{}

func open(t testing.TB, conn *grpc.ClientConn, method string) *raw {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method, grpc.ForceCodecV2(bytesCodec{}))
	if err != nil {
		t.Fatal(err)
	}
	return &raw{t: t, stream: stream, delta: strings.Contains(method, "/Delta")}
}

func (r *raw) sendBytes(message []byte) {
	r.t.Helper()
	if err := r.stream.SendMsg(&message); err != nil {
		r.t.Fatal(err)
	}
}

func (r *raw) send(m proto.Message) {
	r.t.Helper()
	encoded, err := proto.Marshal(m)
	if err != nil {
		r.t.Fatal(err)
	}
	r.sendBytes(encoded)
}

// first subscribes on a new stream, as a node of that id.
func (r *raw) first(id, typeURL string, names ...string) {
	r.t.Helper()
	if r.delta {
		r.send(&discoveryv3.DeltaDiscoveryRequest{Node: node(id), TypeUrl: typeURL, ResourceNamesSubscribe: names})
	} else {
		r.send(&discoveryv3.DiscoveryRequest{Node: node(id), TypeUrl: typeURL, ResourceNames: names})
	}
}

func (r *raw) ack(to *reply, names ...string) {
	r.t.Helper()
	if r.delta {
		r.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: to.typeURL, ResponseNonce: to.nonce})
	} else {
		r.send(&discoveryv3.DiscoveryRequest{TypeUrl: to.typeURL, VersionInfo: to.version, ResponseNonce: to.nonce, ResourceNames: names})
	}
}

func (r *raw) receive() *reply {
	r.t.Helper()
	var message []byte
	if err := r.stream.RecvMsg(&message); err != nil {
		r.t.Fatal(err)
	}
	parsed, err := parseReply(r.delta, message)
	if err != nil {
		r.t.Fatal(err)
	}
	return parsed
}

// ends fails unless the server ends the stream with that code.
func (r *raw) ends(code codes.Code) {
	r.t.Helper()
	var message []byte
	for {
		err := r.stream.RecvMsg(&message)
		if err == nil {
			continue
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
		if status.Code(err) != code {
			r.t.Errorf("the stream ended with %v, want code %v", err, code)
		}
		return
	}
}

func method(service, stream string) string { return "/envoy.service." + service + "/" + stream }

func adsMethod(delta bool) string {
	return method("discovery.v3.AggregatedDiscoveryService", map[bool]string{
		false: "StreamAggregatedResources", true: "DeltaAggregatedResources",
	}[delta])
}

// await polls until a condition holds.
func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}
