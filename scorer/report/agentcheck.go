package report

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/scorer/accept"
)

const (
	// agentDeadline bounds a connection of an agent-check.
	agentDeadline = time.Second
	// maxAgentConnections is how many may be open at once; what comes in excess
	// is closed, which changes nothing for HAProxy.
	maxAgentConnections = 256
)

// AgentCheck answers the agent-checks of HAProxy about one backend: with how idle
// it is, such as "75%", and with "drain" while it drains. It is for a HAProxy
// that no trimtab steers: what it sets is its own idea alone.
//
//	server s1 10.0.0.1:8080 weight 100 agent-check agent-inter 1s agent-port 9002 agent-send "load\n"
//
// What is sent doesn't matter; a HAProxy that sends nothing acknowledges the
// connection 200 ms late, so that an agent-inter of less than that times out.
//
// The percentage is of the weight in HAProxy's configuration, so that this
// should be 100 or so; it is never 0, which would stop all work. It changes no
// state. After a drain, who was told of it is told "ready", for a while; that
// ends a drain or maintenance by an operator, too. Neither "up" nor "down" is ever
// said: that is for health checks to find out. While the load isn't known, nothing
// is said, and the last weight stays.
type AgentCheck struct {
	// Load is required.
	Load Source
	// Logger is told what goes wrong. Default: none.
	Logger *slog.Logger

	drains drainedPeers
}

// Serve answers on the listener until ctx ends, closes it and returns nil when
// all goroutines that it started have ended. An error means that the listener is
// broken.
func (a *AgentCheck) Serve(ctx context.Context, l net.Listener) error {
	server := accept.Server{
		Max: maxAgentConnections, Handle: a.serve,
		Refuse: func(conn net.Conn) { _ = conn.Close() },
		Failed: func(err error) { a.warn(l, err) },
	}
	if err := server.Serve(ctx, l); err != nil {
		return fmt.Errorf("agent-check %s: %w", l.Addr(), err)
	}
	return nil
}

func (a *AgentCheck) warn(l net.Listener, err error) {
	if a.Logger != nil {
		a.Logger.Warn("an agent-check cannot be taken", "listener", l.Addr(), "error", err)
	}
}

// serve answers at once, whether something is asked (agent-send) or not.
func (a *AgentCheck) serve(ctx context.Context, conn net.Conn) {
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	now := time.Now()
	if conn.SetDeadline(now.Add(agentDeadline)) != nil {
		return
	}
	if _, err := conn.Write([]byte(a.answer(peerOf(conn), now))); err != nil {
		return
	}
	half, ok := conn.(halfCloser)
	if !ok || half.CloseWrite() != nil {
		return
	}
	// To close while something sent is unread would reset the connection and
	// could take the answer away from HAProxy.
	var rest [512]byte
	for read := 0; read < 16*len(rest); {
		n, err := conn.Read(rest[:])
		if read += n; err != nil {
			return
		}
	}
}

// answer is the line for one peer.
func (a *AgentCheck) answer(peer netip.Addr, now time.Time) string {
	l := a.Load.Load()
	if l.Draining {
		a.drains.told(peer, now)
		return "drain\n"
	}
	percent := idle(l)
	if a.drains.over(peer, now) {
		return strings.TrimSpace("ready "+percent) + "\n"
	}
	return percent + "\n"
}

// idle is how much of the backend is free, in percent; "" is not known.
func idle(l Load) string {
	busy := l.busy()
	if math.IsNaN(busy) {
		return ""
	}
	return fmt.Sprintf("%d%%", int(math.Round(100*min(max(1-busy, 0.01), 1))))
}

func peerOf(conn net.Conn) netip.Addr {
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
