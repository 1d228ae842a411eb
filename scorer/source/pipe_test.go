package source

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
)

// pipeNetwork joins a real HTTP client to a real HTTP server without sockets,
// so that both live in a bubble's time.
type pipeNetwork struct {
	*http.Transport
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeNetwork(t *testing.T, h http.HandlerFunc) *pipeNetwork {
	n := &pipeNetwork{conns: make(chan net.Conn), done: make(chan struct{})}
	n.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		client, server := net.Pipe()
		select {
		case n.conns <- server:
			return client, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	server := &http.Server{Handler: h}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(n); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(func() {
		n.CloseIdleConnections()
		server.Close()
		serving.Wait()
	})
	return n
}

func (n *pipeNetwork) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.done:
		return nil, net.ErrClosed
	}
}

func (n *pipeNetwork) Close() error {
	n.once.Do(func() { close(n.done) })
	return nil
}

func (n *pipeNetwork) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }
