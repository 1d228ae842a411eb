package report

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// readyFor is how long "ready" is said: for every server and process behind
	// an address to have asked.
	readyFor = 10 * time.Second
	// maxPeers keeps anybody who asks from filling the memory. Of more, those are
	// forgotten that have not asked for longest, so that who asks once from many
	// addresses puts nobody out who asks again and again.
	maxPeers = 1024
)

// drainedPeers are those that were told to drain and not yet for long that this
// is over. The zero value knows nobody.
type drainedPeers struct {
	mu    sync.Mutex
	peers map[netip.Addr]drainedPeer
}

type drainedPeer struct {
	// told is when it was told to drain last, and over when it was told first that
	// this is over; zero while it goes on.
	told, over time.Time
}

// told notes that a peer was told to drain.
func (d *drainedPeers) told(peer netip.Addr, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.peers == nil {
		d.peers = map[netip.Addr]drainedPeer{}
	}
	if _, known := d.peers[peer]; !known && len(d.peers) >= maxPeers {
		d.forgetOne()
	}
	d.peers[peer] = drainedPeer{told: now}
}

func (d *drainedPeers) forgetOne() {
	var oldest netip.Addr
	var told time.Time
	for peer, p := range d.peers {
		if !oldest.IsValid() || p.told.Before(told) {
			oldest, told = peer, p.told
		}
	}
	delete(d.peers, oldest)
}

// over says whether a peer has to be told that a drain is over.
func (d *drainedPeers) over(peer netip.Addr, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	p, known := d.peers[peer]
	switch {
	case !known:
		return false
	case p.over.IsZero():
		p.over = now
		d.peers[peer] = p
	case now.Sub(p.over) > readyFor:
		delete(d.peers, peer)
		return false
	}
	return true
}
