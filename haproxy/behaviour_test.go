package haproxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// behave is a server that does what the path says.
func behave(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/500":
		w.WriteHeader(http.StatusInternalServerError)
	case "/404":
		w.WriteHeader(http.StatusNotFound)
	case "/hints":
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
	case "/slow":
		select {
		case <-time.After(300 * time.Millisecond):
		case <-r.Context().Done():
		}
	case "/never":
		<-r.Context().Done()
	case "/close":
		answer(w, "")
	case "/garbage":
		answer(w, "this is not HTTP\r\n\r\n")
	case "/partial":
		answer(w, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nno more")
	case "/ws":
		echo(w, r)
	}
}

// answer writes bytes and closes the connection.
func answer(w http.ResponseWriter, text string) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_, _ = io.WriteString(c, text)
	_ = c.Close()
}

func echo(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = c.CloseNow() }()
	for {
		kind, data, err := c.Read(r.Context())
		if err != nil || c.Write(r.Context(), kind, data) != nil {
			return
		}
	}
}

func behaving(t testing.TB) (address string) {
	t.Helper()
	return serving(t, behave)
}

func serving(t testing.TB, handler http.HandlerFunc) (address string) {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// get asks for a path n times, at once, over a connection each; what comes back
// does not matter.
func get(t *testing.T, address, path string, n int) {
	t.Helper()
	done := make(chan error)
	for range n {
		go func() { done <- getOnce(address, path) }()
	}
	for range n {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func getOnce(address, path string) error {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(eventually)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, c)
	if err != nil && strings.Contains(err.Error(), "reset") {
		return nil
	}
	return err
}

// keepAlive asks n times over one connection.
func keepAlive(t *testing.T, address, path string, n int) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(eventually)); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(c)
	for range n {
		if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
}
