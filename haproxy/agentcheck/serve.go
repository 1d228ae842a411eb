package agentcheck

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// nothing is the answer that changes nothing. HAProxy takes it for a check that
// went well, where a connection that is only closed would be shown as a failed
// one.
var nothing = [...]byte{'\n'}

// serve has one connection from beginning to end.
func (s *Server) serve(ctx context.Context, conn net.Conn) {
	defer func() { _ = conn.Close() }()
	now := time.Now()
	if err := conn.SetDeadline(now.Add(s.config.Deadline)); err != nil {
		s.stats.failed.Add(1)
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	peer := peerOf(conn)
	if !s.allowed(peer) {
		s.refuse(conn, "not from a network that is allowed")
		return
	}
	var room [maxLine]byte
	line, err := readLine(conn, room[:])
	var asked name
	if err == nil {
		asked, err = parseName(line)
	}
	if err != nil {
		s.stats.malformed.Add(1)
		s.notes.warn("malformed "+peer.String(), "an agent-check asks for nothing that is known", "from", peer, "error", err)
		return
	}
	s.stats.asked.Add(1)
	answer := s.answer(asked, peer, now)
	if _, err := conn.Write(answer); err != nil {
		s.stats.failed.Add(1)
	}
}

// answer is what a HAProxy is told, always a line.
func (s *Server) answer(asked name, peer netip.Addr, now time.Time) []byte {
	b := s.boardFor(asked.pool)
	if b == nil {
		s.unknown(asked, peer)
		return nothing[:]
	}
	line, found := b.tell(asked.backend, peer, now)
	switch {
	case found == backendUnknown:
		s.unknown(asked, peer)
	case found == backendHeld:
		s.stats.held.Add(1)
	default:
		s.stats.answered.Add(1)
		return line
	}
	return nothing[:]
}

func (s *Server) unknown(asked name, peer netip.Addr) {
	s.stats.unknown.Add(1)
	s.notes.warn("unknown "+asked.String(), "an agent-check asks for a backend that no pool has; its weight stays as it is",
		"asked", asked.String(), "from", peer)
}

func (s *Server) refuse(conn net.Conn, why string) {
	s.stats.refused.Add(1)
	peer := peerOf(conn)
	_ = conn.Close()
	s.notes.warn("refused "+peer.String()+why, "an agent-check is refused", "from", peer, "why", why)
}

// peerOf is the address at the other end, without its port: a HAProxy asks from
// another one each time.
func peerOf(conn net.Conn) netip.Addr {
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
