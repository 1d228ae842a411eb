package accept

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
)

// A network is what one client is taken to have.
const (
	networkIPv4 = 32
	networkIPv6 = 56
)

// networkShare is what part of all connections one network may have by default.
const networkShare = 8

// Limits are of connections that are open at once.
type Limits struct {
	// Total is of all, at least 1; more wait.
	Total int
	// Each is of one network (an IPv4 address, an IPv6 /56); those in excess are
	// closed, so that nobody can leave the others without. Default: an eighth of
	// Total.
	Each int
	// Exempt says of which addresses there may be Total: those that many clients are
	// behind. Nil is of none.
	Exempt func(netip.Addr) bool
}

// Limit bounds the connections of a listener, which it owns from then on. Accept
// returns no error that passes.
func Limit(l net.Listener, limits Limits) net.Listener {
	if limits.Each <= 0 {
		limits.Each = max(limits.Total/networkShare, 1)
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &limited{
		Listener: l, limits: limits, ctx: ctx, cancel: cancel,
		free: make(chan struct{}, limits.Total), open: map[netip.Prefix]int{},
	}
}

type limited struct {
	net.Listener
	limits Limits
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	free   chan struct{}

	mu   sync.Mutex
	open map[netip.Prefix]int // of networks that have any
}

// Accept waits for a connection that there is room for.
func (l *limited) Accept() (net.Conn, error) {
	var trouble pause
	for {
		select {
		case l.free <- struct{}{}:
		case <-l.ctx.Done():
			return nil, net.ErrClosed
		}
		conn, err := l.Listener.Accept()
		if err == nil {
			network := l.networkOf(conn)
			if l.enter(network) {
				return &limitedConn{Conn: conn, leave: func() { l.leave(network) }}, nil
			}
			_ = conn.Close()
		}
		<-l.free
		switch {
		case err == nil:
			trouble.over()
		case l.ctx.Err() != nil, errors.Is(err, net.ErrClosed):
			return nil, err
		default:
			trouble.wait(l.ctx)
		}
	}
}

// Close ends the listener and whoever waits in Accept.
func (l *limited) Close() error {
	l.cancel()
	return l.Listener.Close()
}

// networkOf is not valid where connections are not counted.
func (l *limited) networkOf(conn net.Conn) netip.Prefix {
	from, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	address := from.AddrPort().Addr().Unmap().WithZone("")
	if l.limits.Exempt != nil && l.limits.Exempt(address) {
		return netip.Prefix{}
	}
	bits := networkIPv6
	if address.Is4() {
		bits = networkIPv4
	}
	network, _ := address.Prefix(bits)
	return network
}

func (l *limited) enter(network netip.Prefix) bool {
	if !network.IsValid() {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[network] >= l.limits.Each {
		return false
	}
	l.open[network]++
	return true
}

func (l *limited) leave(network netip.Prefix) {
	<-l.free
	if !network.IsValid() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[network]--; l.open[network] == 0 {
		delete(l.open, network)
	}
}

// limitedConn gives its place back when it is closed.
type limitedConn struct {
	net.Conn
	once  sync.Once
	leave func()
}

// Close closes the connection.
func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.leave)
	return err
}
