package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/client"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/token"
	"github.com/trimtab-lb/trimtab/haproxy/instance"
	"github.com/trimtab-lb/trimtab/scorer/report"
)

// socketServer holds WebSockets and asks them to leave when its hook is told to.
type socketServer struct {
	address string
	open    atomic.Int64
	// came counts all that it ever had.
	came atomic.Int64
	// polite counts those that the application itself has closed.
	polite atomic.Int64
	// percent is how busy it says that it is, at /busy.
	percent atomic.Int64
}

// newSocketServer serves the hook beside the sockets, to who has the token in a file.
func newSocketServer(t *testing.T, tokenFile string) *socketServer {
	t.Helper()
	return newLimitedSocketServer(t, tokenFile, 1000)
}

// newLimitedSocketServer lets so many go per second, 0 for the default.
func newLimitedSocketServer(t *testing.T, tokenFile string, shedRate float64) *socketServer {
	t.Helper()
	reporter, err := report.New(report.Options{ShedRate: shedRate})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reporter.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &socketServer{address: l.Addr().String()}
	mux := http.NewServeMux()
	mux.Handle("/ws", reporter.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		socket, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		s.came.Add(1)
		s.open.Add(1)
		defer s.open.Add(-1)
		leave := report.CloseWebSocket(socket, report.ServiceRestart)
		reporter.Connection(w, func(ctx context.Context, why report.Reason) error {
			s.polite.Add(1)
			return leave(ctx, why)
		})
		_, _, _ = socket.Read(context.WithoutCancel(r.Context()))
		_ = socket.CloseNow()
	})))
	mux.HandleFunc("GET /busy", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"application_utilization": %g}`, float64(s.percent.Load())/100)
	})
	mux.Handle("/", report.Endpoints{
		Load: reporter, Shed: reporter, Token: func() (string, error) { return token.Read(tokenFile) },
	}.Handler())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return s
}

// socketFarm is the configuration of a HAProxy whose i-th frontend leads to the i-th
// backend, all of which have the same servers.
func socketFarm(servers []*socketServer, backends ...string) string {
	var text strings.Builder
	text.WriteString(`
global
  maxconn 1500
  stats socket @SOCKET@ level admin
defaults
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
  timeout tunnel 1h
`)
	for i, b := range backends {
		fmt.Fprintf(&text, "frontend %s_in\n  bind @FD%d@\n  default_backend %s\nbackend %s\n  balance leastconn\n", b, i, b, b)
		for i, s := range servers {
			fmt.Fprintf(&text, "  server s%d %s weight 100\n", i+1, s.address)
		}
	}
	return text.String()
}

// sockets starts a HAProxy before some servers; those from the joining one on are in
// maintenance.
func sockets(t *testing.T, servers []*socketServer, joining int) *instance.Instance {
	t.Helper()
	config := socketFarm(servers, "ws")
	for _, s := range servers[joining:] {
		config = strings.Replace(config, s.address+" weight 100", s.address+" weight 100 disabled", 1)
	}
	return proxy(t, config)
}

// crowd opens WebSockets that connect again within a second after they were closed.
func crowd(t *testing.T, address string, n int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	t.Cleanup(func() { cancel(); group.Wait() })
	for range n {
		group.Go(func() {
			for ctx.Err() == nil {
				hold(ctx, address)
				pause, done := context.WithTimeout(ctx, time.Duration(rand.Int64N(int64(time.Second))))
				<-pause.Done()
				done()
			}
		})
	}
}

// hold opens one WebSocket and returns when the other end says anything.
func hold(ctx context.Context, address string) {
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	_, err = io.WriteString(c, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	if err != nil {
		return
	}
	in := bufio.NewReaderSize(c, 512)
	answer, err := http.ReadResponse(in, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		return
	}
	_, _ = in.ReadByte()
}

// within waits for longer than until does.
func (r *running) within(t *testing.T, limit time.Duration, what string, ok func(status.Pool) bool) status.Pool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		document, err := status.Get(ctx, client.Client{Addr: r.addr})
		if err == nil && len(document.Pools) == 1 && ok(document.Pools[0]) {
			return document.Pools[0]
		}
		select {
		case <-ctx.Done():
			_, text, _ := call(t, "explain", "ws", "--addr", r.addr)
			t.Fatalf("never %s: %v\n%s\n%s", what, err, text, r.log)
		case <-ticker.C:
		}
	}
}
