package agentcheck

import (
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// maxPeers bounds how many proxies are remembered.
	maxPeers = 1024
	// forgetPeer is how long a proxy that asks no more is remembered: long enough
	// for whoever is to notice that it does not follow plans any more.
	forgetPeer = time.Hour
)

// Peer is a host that asks: a HAProxy, or several on one machine.
type Peer struct {
	Addr netip.Addr
	// Asked is when it last sent a request.
	Asked time.Time
}

type peers struct {
	mu    sync.Mutex
	asked map[netip.Addr]time.Time
}

func (p *peers) note(who netip.Addr, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asked == nil {
		p.asked = map[netip.Addr]time.Time{}
	}
	if _, known := p.asked[who]; !known && len(p.asked) >= maxPeers {
		p.forget(now)
		if len(p.asked) >= maxPeers {
			return
		}
	}
	p.asked[who] = now
}

func (p *peers) forget(now time.Time) {
	for who, at := range p.asked {
		if now.Sub(at) > forgetPeer {
			delete(p.asked, who)
		}
	}
}

// Peers are the hosts that have asked in the last hour, sorted by address. One
// that has not for several of its agent-inter follows no plan any more, which
// nothing else shows while others still ask. It is safe for concurrent use.
func (s *Server) Peers() []Peer {
	s.peers.mu.Lock()
	defer s.peers.mu.Unlock()
	s.peers.forget(time.Now())
	out := make([]Peer, 0, len(s.peers.asked))
	for who, at := range s.peers.asked {
		out = append(out, Peer{who, at})
	}
	slices.SortFunc(out, func(a, b Peer) int { return a.Addr.Compare(b.Addr) })
	return out
}
