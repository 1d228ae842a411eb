package discovery

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const (
	benchClients = 1000
	benchRounds  = 9
	benchLimit   = 2 * time.Minute
)

// bench is one peer in its own process, and its clients in this one.
type bench struct {
	b        *testing.B
	in       io.WriteCloser
	out      *bufio.Reader
	clusters int
	received atomic.Int64 // responses, or bytes for tcp
	tcp      bool
	stop     func()
}

func startBench(b *testing.B, peer string, delta bool, clusters, size, conns int) *bench {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, os.Args[0])
	command.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %d", benchEnv, peer, clusters, size))
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	m := &bench{b: b, in: in, out: bufio.NewReader(out), clusters: clusters, tcp: peer == "tcp"}
	var clients sync.WaitGroup
	m.stop = sync.OnceFunc(func() {
		cancel()
		_ = command.Wait() // it was killed
		clients.Wait()
	})
	b.Cleanup(m.stop)
	address, err := m.out.ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	address = strings.TrimSpace(address)
	for n := range conns {
		share := benchClients / conns
		if m.tcp {
			m.readTCP(&clients, address, share)
			continue
		}
		conn := connect(b, address)
		for i := range share {
			stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, adsMethod(delta), grpc.ForceCodecV2(bytesCodec{}))
			if err != nil {
				b.Fatal(err)
			}
			clients.Go(func() { m.client(stream, delta, n*share+i) })
		}
	}
	if !m.tcp {
		m.wait(benchClients)
	}
	return m
}

func (m *bench) client(stream grpc.ClientStream, delta bool, number int) {
	names := make([]string, m.clusters)
	for c := range names {
		names[c] = clusterName(c)
	}
	request := func(version, nonce string) error {
		var message proto.Message
		switch {
		case !delta:
			r := &discoveryv3.DiscoveryRequest{TypeUrl: endpointType, ResourceNames: names, VersionInfo: version, ResponseNonce: nonce}
			if nonce == "" {
				r.Node = node(strconv.Itoa(number))
			}
			message = r
		case nonce == "":
			message = &discoveryv3.DeltaDiscoveryRequest{Node: node(strconv.Itoa(number)), TypeUrl: endpointType, ResourceNamesSubscribe: names}
		default:
			message = &discoveryv3.DeltaDiscoveryRequest{TypeUrl: endpointType, ResponseNonce: nonce}
		}
		encoded, err := proto.Marshal(message)
		if err != nil {
			return err
		}
		return stream.SendMsg(&encoded)
	}
	err := request("", "")
	for err == nil {
		var response []byte
		if err = stream.RecvMsg(&response); err != nil {
			break
		}
		var version, nonce string
		for scan := (scanner{message: response}); scan.next(); {
			switch scan.field {
			case responseVersion:
				version = string(scan.value)
			case responseNonce:
				nonce = string(scan.value)
			}
		}
		m.received.Add(1)
		err = request(version, nonce)
	}
	if c := status.Code(err); c != codes.Canceled && c != codes.Unavailable && !errors.Is(err, io.EOF) {
		m.b.Errorf("client %d: %v", number, err)
	}
}

func (m *bench) readTCP(readers *sync.WaitGroup, address string, times int) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		m.b.Fatal(err)
	}
	if _, err := conn.Write([]byte{byte(times)}); err != nil {
		m.b.Fatal(err)
	}
	readers.Go(func() {
		defer func() { _ = conn.Close() }()
		buffer := make([]byte, 64<<10)
		for {
			n, err := conn.Read(buffer)
			m.received.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
}

func (m *bench) command(text string) int {
	m.b.Helper()
	if _, err := fmt.Fprintln(m.in, text); err != nil {
		m.b.Fatal(err)
	}
	line, err := m.out.ReadString('\n')
	if err != nil {
		m.b.Fatal(err)
	}
	result, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		m.b.Fatal(err)
	}
	return result
}

func (m *bench) wait(total int64) {
	m.b.Helper()
	deadline := time.Now().Add(benchLimit)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for m.received.Load() < total {
		<-tick.C
		if time.Now().After(deadline) {
			m.b.Fatalf("%d of %d received", m.received.Load(), total)
		}
	}
}

// settled is the CPU time used when the last ACK has been taken in, in
// microseconds.
func (m *bench) settled() int {
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	for last := m.command("cpu"); ; {
		<-tick.C
		now := m.command("cpu")
		if now-last < 400 {
			return now
		}
		last = now
	}
}

// push measures one push of so many clusters in microseconds of server CPU.
func (m *bench) push(clusters int, bytes int64) int {
	m.b.Helper()
	m.command(fmt.Sprint("prepare ", clusters))
	expected := m.received.Load() + benchClients
	if m.tcp {
		expected = m.received.Load() + bytes*benchClients
	}
	before := m.settled()
	m.command("push")
	m.wait(expected)
	return m.settled() - before
}

// compare measures peers in turn, so that all have the same weather, and reports
// the median cost of a push in milliseconds of server CPU, the memory that is
// left afterwards, and the ratios of cost: theirs to the first one's, except for tcp.
func compare(b *testing.B, delta bool, clusters, conns, changed int, peers ...string) {
	const size = 100
	var encoded int64
	for _, a := range assignments(changed, size, 2) {
		body, err := proto.Marshal(a)
		if err != nil {
			b.Fatal(err)
		}
		encoded += int64(len(appendAny(nil, responseResource, endpointType, body)))
	}
	for b.Loop() {
		running := make([]*bench, len(peers))
		for n, peer := range peers {
			running[n] = startBench(b, peer, delta, clusters, size, conns)
			running[n].push(changed, encoded) // warms up
		}
		costs, ratios := make([][]float64, len(peers)), make([][]float64, len(peers))
		for range benchRounds {
			for n, m := range running {
				c := float64(m.push(changed, encoded)) / 1000
				costs[n] = append(costs[n], c)
				ratios[n] = append(ratios[n], c/costs[0][len(costs[0])-1])
			}
		}
		for n, peer := range peers {
			b.ReportMetric(median(costs[n]), peer+"-ms")
			switch ratio := median(ratios[n]); {
			case peer == "tcp":
				b.ReportMetric(1/ratio, peers[0]+"/tcp")
			case n > 0:
				b.ReportMetric(ratio, peer+"/"+peers[0])
			}
			b.ReportMetric(float64(running[n].command("rss"))/1024, peer+"-MB")
			running[n].stop()
		}
	}
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// BenchmarkFullPush is all weights of all clusters to all clients. Bare TCP
// writes of the same bytes are what nobody can beat.
func BenchmarkFullPush(b *testing.B) {
	for _, shape := range []struct{ clusters, conns int }{{10, 8}, {10, benchClients}, {100, 8}, {100, benchClients}} {
		for _, delta := range []bool{false, true} {
			b.Run(fmt.Sprintf("clusters=%d/conns=%d/delta=%v", shape.clusters, shape.conns, delta), func(b *testing.B) {
				peers := []string{"trimtab", "tcp"}
				if shape.clusters == 10 {
					peers = append(peers, "linear", "snapshot")
				}
				compare(b, delta, shape.clusters, shape.conns, shape.clusters, peers...)
			})
		}
	}
}

// BenchmarkOneOfHundred is a change of one cluster that all clients have.
func BenchmarkOneOfHundred(b *testing.B) {
	for _, delta := range []bool{false, true} {
		b.Run(fmt.Sprintf("delta=%v", delta), func(b *testing.B) {
			compare(b, delta, 100, 8, 1, "trimtab", "linear")
		})
	}
}
