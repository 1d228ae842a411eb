package report

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
)

// counts are what a Reporter has counted.
type counts struct{ InFlight, Ended, Failed, Connections int }

func countsOf(r *Reporter) counts {
	t := r.counters.read()
	open, _, _ := r.connections.count()
	return counts{int(t.inFlight), int(t.ended), int(t.failed), open}
}

func counting(r *Reporter, want counts) error {
	if diff := cmp.Diff(want, countsOf(r)); diff != "" {
		return errors.New("counted (-want +got):\n" + diff)
	}
	return nil
}

func TestMiddlewareCounts(t *testing.T) {
	gone, leave := context.WithCancel(t.Context())
	leave()
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		ctx     context.Context
		failed  int
	}{
		{"nothing said", func(http.ResponseWriter, *http.Request) {}, nil, 0},
		{"200", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "fine") }, nil, 0},
		{"404", http.NotFound, nil, 0},
		{"500", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, nil, 1},
		{"503 after early hints", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(503) }, nil, 1},
		{"200, then 500", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200); w.WriteHeader(500) }, nil, 0},
		{"502 to a client that left", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }, gone, 0},
		{"a panic", func(http.ResponseWriter, *http.Request) { panic("oh") }, nil, 1},
		{"aborted, the client had left", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, gone, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := reporter(t, Options{})
			inside := counts{}
			h := r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
				inside = countsOf(r)
				test.handler(w, request)
			}))
			request := httptest.NewRequest(http.MethodGet, "/", nil)
			if test.ctx != nil {
				request = request.WithContext(test.ctx)
			}
			func() {
				defer func() { _ = recover() }()
				h.ServeHTTP(httptest.NewRecorder(), request)
			}()
			if want := (counts{InFlight: 1}); inside != want {
				t.Errorf("inside %+v, want %+v", inside, want)
			}
			if err := counting(r, counts{Ended: 1, Failed: test.failed}); err != nil {
				t.Error(err)
			}
		})
	}
}

// capabilities are what a handler can find out about its writer.
func capabilities(w http.ResponseWriter) string {
	var out []string
	add := func(name string, ok bool) {
		if ok {
			out = append(out, name)
		}
	}
	_, ok := w.(http.Flusher)
	add("flush", ok)
	_, ok = w.(http.Hijacker)
	add("hijack", ok)
	_, ok = w.(http.Pusher)
	add("push", ok)
	_, ok = w.(io.ReaderFrom)
	add("readfrom", ok)
	return strings.Join(out, " ")
}

func TestWriterCanDoWhatTheServersCan(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("HTTP/2 %t", http2), func(t *testing.T) {
			r := reporter(t, Options{})
			var bare, wrapped string
			inner := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				wrapped = capabilities(w)
				if err := http.NewResponseController(w).EnableFullDuplex(); err != nil && !http2 {
					t.Errorf("full duplex: %v", err)
				}
				if _, err := io.Copy(w, strings.NewReader("a body")); err != nil {
					t.Error(err)
				}
				if err := http.NewResponseController(w).Flush(); err != nil {
					t.Error(err)
				}
				w.(http.Flusher).Flush()
			})
			outer := r.Middleware(inner)
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
				bare = capabilities(w)
				outer.ServeHTTP(w, request)
			}))
			server.EnableHTTP2 = http2
			server.StartTLS()
			defer server.Close()
			response, err := server.Client().Get(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil || string(body) != "a body" || response.ProtoMajor != map[bool]int{false: 1, true: 2}[http2] {
				t.Errorf("%s: %q, %v", response.Proto, body, err)
			}
			if bare != wrapped || bare == "" {
				t.Errorf("can %q, the server's can %q", wrapped, bare)
			}
		})
	}
}

func TestPlainWriterStaysPlain(t *testing.T) {
	r := reporter(t, Options{})
	got := "none"
	h := r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { got = capabilities(w) }))
	h.ServeHTTP(struct{ http.ResponseWriter }{httptest.NewRecorder()}, httptest.NewRequest(http.MethodGet, "/", nil))
	if got != "" {
		t.Errorf("can %q, the server's can nothing", got)
	}
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	if got != "flush" {
		t.Errorf("can %q, want flush", got)
	}
}

// A WebSocket is a connection until it is closed, whoever closes it, and its
// handler may return before.
func TestWebSocketIsAConnection(t *testing.T) {
	r := reporter(t, Options{})
	sockets := make(chan *websocket.Conn, 2)
	server := httptest.NewServer(r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if socket, err := websocket.Accept(w, request, nil); err == nil {
			sockets <- socket
		}
	})))
	defer server.Close()
	dial := func() *websocket.Conn {
		c, _, err := websocket.Dial(t.Context(), server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	first, second := dial(), dial()
	until(t, func() error { return counting(r, counts{Ended: 2, Connections: 2}) })
	s1, s2 := <-sockets, <-sockets
	// Which of the two it is that is closed is up to chance.
	one, other := s1.CloseRead(t.Context()), s2.CloseRead(t.Context())
	if err := first.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Errorf("close: %v", err)
	}
	select {
	case <-one.Done():
	case <-other.Done():
	}
	until(t, func() error { return counting(r, counts{Ended: 2, Connections: 1}) })
	_ = s1.CloseNow()
	_ = s2.CloseNow()
	_ = second.CloseNow()
	until(t, func() error { return counting(r, counts{Ended: 2}) })
}

func TestHijackedConnection(t *testing.T) {
	r := reporter(t, Options{})
	done := make(chan error, 1)
	server := httptest.NewServer(r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			done <- err
			return
		}
		if _, ok := conn.(interface{ NetConn() net.Conn }).NetConn().(*net.TCPConn); !ok {
			err = fmt.Errorf("over %T", conn)
		}
		n, copied := conn.(io.ReaderFrom).ReadFrom(strings.NewReader("hello\n"))
		if n != 6 {
			err = fmt.Errorf("%d bytes", n)
		}
		// One side has no more to say; the connection is open.
		err = errors.Join(err, copied, conn.(halfCloser).CloseWrite(), counting(r, counts{Ended: 1, Connections: 1}))
		done <- errors.Join(err, conn.Close())
		_ = conn.Close()
	})))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if line, err := bufio.NewReader(conn).ReadString('\n'); line != "hello\n" {
		t.Errorf("%q, %v", line, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	until(t, func() error { return counting(r, counts{Ended: 1}) })
}

// A connection over TLS cannot be half closed by type, and is not a TCP one.
func TestHijackedTLS(t *testing.T) {
	r := reporter(t, Options{})
	server := httptest.NewTLSServer(r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		if _, ok := conn.(interface{ NetConn() net.Conn }).NetConn().(*tls.Conn); !ok {
			t.Errorf("over %T", conn)
		}
		_ = conn.Close()
	})))
	defer server.Close()
	if response, err := server.Client().Get(server.URL); err == nil {
		response.Body.Close()
	}
	until(t, func() error { return counting(r, counts{Ended: 1}) })
}

// An event stream that says that it is one, behind another middleware.
func TestDeclaredConnection(t *testing.T) {
	r := reporter(t, Options{})
	other := reporter(t, Options{})
	inside := make(chan error)
	ends := make(chan struct{})
	server := httptest.NewServer(other.Middleware(r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w = struct{ wrapping }{wrapping{w}}
		c := r.Connection(w, nil)
		again := r.Connection(w, nil)
		var err error
		if c != again {
			err = errors.New("one request is two connections")
		}
		inside <- errors.Join(err, counting(r, counts{Ended: 1, Connections: 1}), counting(other, counts{InFlight: 1}))
		<-ends
	}))))
	defer server.Close()
	go func() {
		if response, err := http.Get(server.URL); err == nil {
			response.Body.Close()
		}
	}()
	if err := <-inside; err != nil {
		t.Error(err)
	}
	close(ends)
	until(t, func() error { return errors.Join(counting(r, counts{Ended: 1}), counting(other, counts{Ended: 1})) })

	foreign := r.Connection(httptest.NewRecorder(), nil)
	if err := counting(r, counts{Ended: 1, Connections: 1}); err != nil {
		t.Error(err)
	}
	foreign.End()
}

type wrapping struct{ http.ResponseWriter }

func (w wrapping) Unwrap() http.ResponseWriter { return w.ResponseWriter }
