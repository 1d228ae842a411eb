package redirect

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/assign/internal/assigntest"
)

// A WebSocket client is sent to the backend by its handshake, and asks again when it
// was closed.
func TestWebSocketClient(t *testing.T) {
	closing := make(chan struct{})
	backend := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		_ = c.Write(r.Context(), websocket.MessageText, []byte(r.URL.Path+"?"+r.URL.RawQuery))
		<-closing
		_ = c.Close(websocket.StatusServiceRestart, "go")
	})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = backend.Serve(l) }()
	t.Cleanup(func() { _ = backend.Close(); <-done })

	s := running(t)
	target(t, s, Options{}, scorer.Backend{Name: "ws1", Address: l.Addr().String(), Capacity: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for round := range 2 {
		c, resp, err := websocket.Dial(ctx, "ws://"+s.Addr().String()+"/room/7?x=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		if at := resp.Request.URL.Host; at != l.Addr().String() {
			t.Errorf("connected to %s, want the backend %s", at, l.Addr())
		}
		_, text, err := c.Read(ctx)
		if err != nil || string(text) != "/room/7?x=1" {
			t.Errorf("the backend was asked for %q, %v; want /room/7?x=1", text, err)
		}
		if round == 0 {
			close(closing)
		}
		if _, _, err = c.Read(ctx); websocket.CloseStatus(err) != websocket.StatusServiceRestart {
			t.Errorf("error %v, want to be told to go", err)
		}
	}
}

func TestSuccession(t *testing.T) {
	s := server(t)
	if got := serve(s, get("/", nil)).StatusCode; got != http.StatusServiceUnavailable {
		t.Errorf("status %d before there is a plan, want 503", got)
	}
	first := target(t, s, Options{}, backends()[0])
	second := target(t, s, Options{}, backends()[1])
	first.Close()
	if got := serve(s, get("/", nil)).Header.Get("Location"); got != "ws://10.0.0.2:8080/" {
		t.Errorf("after the first one's end sent to %q, want to the second's", got)
	}
	second.Close()
	if got := serve(s, get("/", nil)).StatusCode; got != http.StatusServiceUnavailable {
		t.Errorf("status %d after the end of both, want 503", got)
	}
}

func TestHeaderLimit(t *testing.T) {
	s := running(t)
	target(t, s, Options{}, backends()...)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr().String()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Large", strings.Repeat("a", 2*maxHeader))
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d, want 431", resp.StatusCode)
	}
}

// Whoever opens connections and says nothing keeps nobody else from being told where to
// go.
func TestOneClientDoesNotTakeAllConnections(t *testing.T) {
	s, err := Listen(t.Context(), Config{Listen: "127.0.0.1:0", MaxConnections: 16})
	if err != nil {
		t.Fatal(err)
	}
	assigntest.Run(t, s)
	target(t, s, Options{}, backends()...)
	for range 32 {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
	}
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	transport := &http.Transport{DialContext: dialer.DialContext}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), headerTimeout/2)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Addr().String()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatalf("another client: %v", err)
	}
	_ = resp.Body.Close()
}

func TestListenFails(t *testing.T) {
	s := server(t)
	if _, err := Listen(t.Context(), Config{Listen: s.Addr().String()}); err == nil {
		t.Error("two servers listen on one address")
	}
}

// A successor sends clients on before it has a plan of its own.
func TestSuccessorNeedsNoPlan(t *testing.T) {
	first := target(t, server(t), Options{}, backends()[0])
	s := server(t)
	second, err := s.Target("ws", Options{URL: "http://{address}{path}"})
	if err != nil {
		t.Fatal(err)
	}
	second.Succeed(first)
	if got := serve(s, get("/", nil)).Header.Get("Location"); got != "http://10.0.0.1:8080/" {
		t.Errorf("sent to %q, want to the backend that the first one knew", got)
	}
}

// A successor that sends clients elsewhere by its URL sends them nowhere by a name that
// makes none.
func TestSuccessorChecksNames(t *testing.T) {
	s := server(t)
	first := target(t, s, Options{}, scorer.Backend{Name: "evil.example/", Address: "10.0.0.1:80", Capacity: 1})
	second, err := s.Target("ws", Options{URL: "ws://{name}.farm.example{path}"})
	if err != nil {
		t.Fatal(err)
	}
	second.Succeed(first)
	if resp := serve(s, get("/", nil)); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d, sent to %q; want 503", resp.StatusCode, resp.Header.Get("Location"))
	}
}
