package report

import (
	"io"
	"net"
)

// counted is a connection that counts itself out when it is closed.
func counted(conn net.Conn, c *Connection) net.Conn {
	out := countedConn{conn, c}
	if half, ok := conn.(halfCloser); ok {
		return halfClosing{out, half}
	}
	return out
}

type countedConn struct {
	net.Conn
	connection *Connection
}

// Close closes the connection.
func (c countedConn) Close() error {
	c.connection.End()
	return c.Conn.Close()
}

// NetConn is the connection itself, as of tls.Conn.
func (c countedConn) NetConn() net.Conn { return c.Conn }

// ReadFrom lets a TCP connection take from another without copying.
func (c countedConn) ReadFrom(from io.Reader) (int64, error) { return io.Copy(c.Conn, from) }

type halfCloser interface{ CloseWrite() error }

// halfClosing is for proxies, which pass on that one side has no more to say.
type halfClosing struct {
	countedConn
	halfCloser
}
