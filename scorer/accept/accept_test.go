package accept

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// troubled fails some times before it takes connections.
type troubled struct {
	net.Listener
	left atomic.Int32
}

func (l *troubled) Accept() (net.Conn, error) {
	if l.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return l.Listener.Accept()
}

func listen(t *testing.T, failures int32) *troubled {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	out := &troubled{Listener: l}
	out.left.Store(failures)
	return out
}

func dial(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// isClosed waits until the other end has closed, or said a byte.
func isClosed(t *testing.T, c net.Conn) bool {
	t.Helper()
	_, err := c.Read(make([]byte, 1))
	if errors.Is(err, syscall.ECONNRESET) {
		err = io.EOF
	}
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return err != nil
}

func TestServer(t *testing.T) {
	l := listen(t, 3)
	var failed atomic.Int32
	s := Server{
		Max: 1,
		Handle: func(ctx context.Context, conn net.Conn) {
			_, _ = conn.Write([]byte{1})
			<-ctx.Done()
			_ = conn.Close()
		},
		Refuse: func(conn net.Conn) { _ = conn.Close() },
		Failed: func(error) { failed.Add(1) },
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	if first := dial(t, l); isClosed(t, first) {
		t.Error("the first one is refused")
	}
	if second := dial(t, l); !isClosed(t, second) {
		t.Error("one in excess is handled")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("error %v after the end", err)
	}
	if n := failed.Load(); n != 1 {
		t.Errorf("told of %d failures, want the first of a row", n)
	}
}

func TestServerOfAClosedListener(t *testing.T) {
	l := listen(t, 0)
	_ = l.Close()
	s := Server{Max: 1}
	if err := s.Serve(t.Context(), l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("error %v, want %v", err, net.ErrClosed)
	}
}

func TestPausesGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pause
		began := time.Now()
		for range 10 {
			p.wait(t.Context())
		}
		if got, want := time.Since(began), 3275*time.Millisecond; got != want { // 5 + 10 + … + 640 ms, and 2 s
			t.Errorf("10 errors in a row took %v, want %v", got, want)
		}
		p.over()
		if !p.first() {
			t.Error("a connection does not end the row")
		}
	})
}

func TestLimit(t *testing.T) {
	for _, c := range []struct {
		name           string
		limits         Limits
		wantClosed     bool // the third of one address
		waitsInBacklog bool // it is taken when another one is closed
	}{
		{"room for all", Limits{Total: 3, Each: 3}, false, false},
		{"too many of one network", Limits{Total: 3, Each: 2}, true, false},
		{"more than an eighth", Limits{Total: 16}, true, false},
		{"exempt", Limits{Total: 3, Each: 2, Exempt: netip.Addr.IsLoopback}, false, false},
		{"too many of all", Limits{Total: 2, Each: 2, Exempt: netip.Addr.IsLoopback}, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := Limit(listen(t, 2), c.limits)
			taken := make(chan net.Conn, 4)
			ended := make(chan error, 1)
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						ended <- err
						return
					}
					_, _ = conn.Write([]byte{1})
					taken <- conn
				}
			}()
			for range 2 {
				if isClosed(t, dial(t, l)) {
					t.Fatal("one of the first two is closed")
				}
			}
			third := dial(t, l)
			if c.waitsInBacklog {
				first := <-taken
				_ = first.Close()
				_ = first.Close() // a second time gives no second place
			}
			if got := isClosed(t, third); got != c.wantClosed {
				t.Errorf("the third is closed: %v, want %v", got, c.wantClosed)
			}
			if c.wantClosed {
				_ = (<-taken).Close()
				if isClosed(t, dial(t, l)) {
					t.Error("the place of one that has left is not free")
				}
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; !errors.Is(err, net.ErrClosed) {
				t.Errorf("error %v after Close, want %v", err, net.ErrClosed)
			}
			for len(taken) > 0 {
				_ = (<-taken).Close()
			}
			if open := l.(*limited).open; len(open) > 0 {
				t.Errorf("%v are remembered when nobody is connected", open)
			}
		})
	}
}

// Whoever waits for room is released by Close.
func TestCloseWithoutRoom(t *testing.T) {
	l := Limit(listen(t, 0), Limits{Total: 1, Each: 1})
	dial(t, l)
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ended := make(chan error, 1)
	go func() { _, err := l.Accept(); ended <- err }()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("error %v, want %v", err, net.ErrClosed)
	}
}
