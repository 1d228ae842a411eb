package haproxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
)

// The key and the answer to it that RFC 6455 gives as an example.
const (
	webSocketKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	webSocketAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// tunnelServer upgrades what asks for /ws and holds it; /wait is never answered,
// /events is answered without an end, and all else at once. It counts nothing.
func tunnelServer(t testing.TB) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	var mu sync.Mutex
	held := map[net.Conn]bool{}
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			held[c] = true
			mu.Unlock()
			open.Go(func() {
				serveTunnel(c)
				_ = c.Close()
				mu.Lock()
				delete(held, c)
				mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for c := range held {
			_ = c.Close()
		}
		mu.Unlock()
		open.Wait()
	})
	return l.Addr().String()
}

func serveTunnel(c net.Conn) {
	in := bufio.NewReaderSize(c, 512)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		switch r.URL.Path {
		case "/ws":
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+webSocketAccept+"\r\n\r\n")
		case "/events":
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n6\r\ndata\n\n\r\n")
		case "/wait":
		default:
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			continue
		}
		_, _ = io.Copy(io.Discard, in)
		return
	}
}

// tunnels are clients that hold a connection each, and note when it ends.
type tunnels struct {
	address string
	reading sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
	ended []time.Time
	own   int // how many the test has ended itself
}

func newTunnels(t testing.TB, address string) *tunnels {
	t.Helper()
	s := &tunnels{address: address}
	t.Cleanup(func() {
		s.mu.Lock()
		for _, c := range s.conns {
			_ = c.Close()
		}
		s.mu.Unlock()
		s.reading.Wait()
	})
	return s
}

// openTunnels opens n WebSockets.
func openTunnels(t testing.TB, address string, n int) *tunnels {
	t.Helper()
	s := newTunnels(t, address)
	s.open(t, n)
	return s
}

func (s *tunnels) open(t testing.TB, n int) {
	t.Helper()
	const atOnce = 16
	failures := make(chan error, atOnce)
	for i := range atOnce {
		go func() {
			var err error
			for k := i; k < n && err == nil; k += atOnce {
				err = s.dial("/ws")
			}
			failures <- err
		}()
	}
	for range atOnce {
		if err := <-failures; err != nil {
			t.Fatal(err)
		}
	}
}

// dial asks for a path and returns when the answer's headers are there; of
// /wait at once.
func (s *tunnels) dial(path string) error {
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		return err
	}
	in, err := askFor(c, path)
	if err != nil {
		_ = c.Close()
		return fmt.Errorf("%s: %w", path, err)
	}
	s.mu.Lock()
	s.conns = append(s.conns, c)
	s.mu.Unlock()
	s.reading.Go(func() {
		_, _ = io.Copy(io.Discard, in)
		s.mu.Lock()
		s.ended = append(s.ended, time.Now())
		s.mu.Unlock()
		_ = c.Close()
	})
	return nil
}

func askFor(c net.Conn, path string) (*bufio.Reader, error) {
	upgrade := ""
	if path == "/ws" {
		upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + webSocketKey + "\r\n"
	}
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", path, upgrade); err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(c, 512)
	if path == "/wait" {
		return in, nil
	}
	if err := c.SetReadDeadline(time.Now().Add(eventually)); err != nil {
		return nil, err
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if line == "\r\n" {
			return in, c.SetReadDeadline(time.Time{})
		}
	}
}

// leave ends n of them from the client's side.
func (s *tunnels) leave(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns[s.own : s.own+n] {
		_ = c.Close()
	}
	s.own += n
}

// ends are when those ended that have, in order.
func (s *tunnels) ends() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(slices.Values(s.ended), time.Time.Compare)
}

func (s *tunnels) wantEnded(t testing.TB, want int) {
	t.Helper()
	until(t, eventually, func() error {
		if got := len(s.ends()); got != want {
			return fmt.Errorf("%d tunnels ended, want %d", got, want)
		}
		return nil
	})
}

// burst is the most ends within a window, as a multiple of what an even rate has
// in it.
func burst(ends []time.Time, window, over time.Duration) float64 {
	most, from := 0, 0
	for i := range ends {
		for ends[i].Sub(ends[from]) >= window {
			from++
		}
		most = max(most, i-from+1)
	}
	return float64(most) / (float64(len(ends)) * window.Seconds() / over.Seconds())
}

// tunnelOptions are a HAProxy with a backend ws of servers with these names, all
// of which are the one at the address, and a frontend that leads to each, in this
// order; the last frontend leads to the first name in another backend.
func tunnelOptions(binary, address string, servers ...string) instance.Options {
	ws := "backend ws\n  balance leastconn\n"
	frontends := ""
	for i, s := range servers {
		ws += "  use-server " + s + " if { req.hdr(x-server) " + s + " }\n  server " + s + " " + address + "\n"
		frontends += fmt.Sprintf("frontend f%d\n  bind @FD%d@\n  http-request set-header x-server %s\n  default_backend ws\n", i, i, s)
	}
	frontends += fmt.Sprintf("frontend f-other\n  bind @FD%d@\n  default_backend other\n", len(servers))
	return instance.Options{
		Binary: binary, Listeners: len(servers) + 1,
		Config: tunnelPreamble + ws + "backend other\n  server " + servers[0] + " " + address + "\n" + frontends,
	}
}

// tunnelled starts it.
func tunnelled(t testing.TB, binary string, servers ...string) *instance.Instance {
	t.Helper()
	return start(t, tunnelOptions(binary, tunnelServer(t), servers...))
}

const tunnelPreamble = `
global
  maxconn 2400
  stats socket @SOCKET@ level admin
defaults
  mode http
  timeout client 60s
  timeout server 60s
  timeout connect 2s
  timeout tunnel 1h
`

// aged waits until HAProxy shows n streams of a server that may be closed.
func aged(t testing.TB, in *instance.Instance, backend, server string, n int) {
	t.Helper()
	until(t, eventually, func() error {
		old := 0
		if _, err := parseOne([]byte(ask(t, in, "show sess")), backend, server, func(s stream) {
			if s.doing == tunnelling && s.age.least >= youngest {
				old++
			}
		}); err != nil {
			return err
		}
		if old != n {
			return fmt.Errorf("%d of %s/%s are old enough, want %d", old, backend, server, n)
		}
		return nil
	})
}
