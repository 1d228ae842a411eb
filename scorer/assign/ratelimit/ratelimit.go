// Package ratelimit bounds how often each client is served, in a fixed amount of
// memory.
//
//	address ─▶ its network (/32, /64, …) ─▶ one of 2^n sets of 4 entries: served or not
//
// An entry is the time at which its network has used up what it may (the generic cell
// rate algorithm): a client may come once an interval, and as many times at once as
// the burst says. Where there are more networks than entries, those that have used
// least are forgotten first; forgotten is served.
//
// The package is not for bounding what all clients do together.
package ratelimit

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

const (
	ways        = 4
	defaultSets = 1 << 14 // 1 MiB of entries
)

// Config describes a limiter.
type Config struct {
	// PerSecond is how often a network is served, on average. 0 or less: without
	// limit.
	PerSecond float64
	// Burst is how many times at once, at least 1.
	Burst int
	// IPv4 and IPv6 are how many bits of an address make a network. Default 32 and 64.
	IPv4, IPv6 int
	// Exempt are networks that are always served.
	Exempt []netip.Prefix
}

// Limiter is safe for concurrent use.
type Limiter struct {
	config    Config
	interval  time.Duration
	tolerance time.Duration
	seed      maphash.Seed

	mu   sync.Mutex
	sets [][ways]entry
}

type entry struct {
	network uint64 // a hash that clients cannot foresee
	// usedUp is when, in nanoseconds, the network will have none of its burst used.
	usedUp int64
}

// New returns a limiter that has seen nobody.
func New(c Config) *Limiter {
	c.Burst = max(c.Burst, 1)
	if c.IPv4 <= 0 || c.IPv4 > 32 {
		c.IPv4 = 32
	}
	if c.IPv6 <= 0 || c.IPv6 > 128 {
		c.IPv6 = 64
	}
	l := &Limiter{config: c, seed: maphash.MakeSeed()}
	if c.PerSecond > 0 {
		l.interval = max(bounded(float64(time.Second)/c.PerSecond), 1)
		l.tolerance = bounded(float64(l.interval) * float64(c.Burst-1))
		l.sets = make([][ways]entry, defaultSets)
	}
	return l
}

// longest is more than anybody waits for, and far from what a Duration cannot hold.
const longest = 10 * 365 * 24 * time.Hour

// bounded is a time that can be added to others.
func bounded(nanoseconds float64) time.Duration {
	return time.Duration(min(nanoseconds, float64(longest)))
}

// Allow says whether a client is served now, and counts it if so. If not, after is how
// long it has to wait.
func (l *Limiter) Allow(now time.Time, client netip.Addr) (ok bool, after time.Duration) {
	if l.interval == 0 || l.exempt(client) {
		return true, 0
	}
	network := l.hash(client)
	at := now.UnixNano()
	l.mu.Lock()
	defer l.mu.Unlock()
	e := find(&l.sets[network%defaultSets], network)
	// No more than this can have been used, unless the clock was set back since.
	used := min(max(e.usedUp, at), at+int64(l.tolerance+l.interval))
	if wait := used - at - int64(l.tolerance); wait > 0 {
		e.usedUp = used
		return false, time.Duration(wait)
	}
	e.usedUp = used + int64(l.interval)
	return true, 0
}

// find is the network's entry, which may be the one that was of least use.
func find(set *[ways]entry, network uint64) *entry {
	least := &set[0]
	for i := range set {
		e := &set[i]
		if e.network == network {
			return e
		}
		if e.usedUp < least.usedUp {
			least = e
		}
	}
	*least = entry{network: network}
	return least
}

func (l *Limiter) exempt(client netip.Addr) bool {
	client = client.Unmap()
	for _, p := range l.config.Exempt {
		if p.Contains(client) {
			return true
		}
	}
	return false
}

func (l *Limiter) hash(client netip.Addr) uint64 {
	client = client.Unmap().WithZone("")
	bits := l.config.IPv6
	if client.Is4() {
		bits = l.config.IPv4
	}
	prefix, err := client.Prefix(bits)
	if err != nil {
		return maphash.Bytes(l.seed, nil) // no address: all of these are one client
	}
	var b [17]byte
	b[0] = byte(bits)
	address := prefix.Addr().As16()
	copy(b[1:], address[:])
	return maphash.Bytes(l.seed, b[:])
}
