package redirect

import (
	"crypto/tls"
	"net"
	"sync/atomic"
)

// SetTLS has the connections to come speak TLS, and nil plain text. Those that are open
// stay as they are. It is safe for concurrent use.
func (s *Server) SetTLS(c *tls.Config) { s.secure.Store(c) }

// secured is a listener whose connections speak TLS while there is a configuration for
// it.
type secured struct {
	net.Listener
	config *atomic.Pointer[tls.Config]
}

// Accept does not shake hands: whoever reads does, with a deadline.
func (l secured) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if c := l.config.Load(); err == nil && c != nil {
		return tls.Server(conn, c), nil
	}
	return conn, err
}
