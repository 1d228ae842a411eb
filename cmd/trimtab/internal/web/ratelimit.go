package web

import (
	"net"
	"sync"
	"time"
)

// maxClients is how many addresses are told apart; the others share one allowance.
const maxClients = 4096

// rateLimit is a token bucket for each client address.
type rateLimit struct {
	rate, burst float64

	mu      sync.Mutex
	buckets map[string]*bucket
	others  bucket
	swept   time.Time
}

type bucket struct {
	spent float64 // of the burst, at the time
	at    time.Time
}

func newRateLimit(rate, burst float64) *rateLimit {
	return &rateLimit{rate: rate, burst: burst, buckets: map[string]*bucket{}}
}

// take is 0 for a request that is allowed, or else how long until one would be.
func (l *rateLimit) take(now time.Time, client string) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[client]
	if b == nil {
		// Not at each request, which would make many clients dear.
		if len(l.buckets) >= maxClients && now.Sub(l.swept) >= time.Second {
			l.forget(now)
		}
		if b = &l.others; len(l.buckets) < maxClients {
			b = &bucket{}
			l.buckets[client] = b
		}
	}
	b.spent, b.at = l.left(b, now), now
	if b.spent+1 > l.burst {
		return time.Duration((b.spent + 1 - l.burst) / l.rate * float64(time.Second))
	}
	b.spent++
	return 0
}

// left is what is spent by now.
func (l *rateLimit) left(b *bucket, now time.Time) float64 {
	return max(b.spent-max(now.Sub(b.at).Seconds(), 0)*l.rate, 0)
}

// forget drops those who have their whole allowance again.
func (l *rateLimit) forget(now time.Time) {
	l.swept = now
	for client, b := range l.buckets {
		if l.left(b, now) == 0 {
			delete(l.buckets, client)
		}
	}
}

// hostOf is an address without its port.
func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}
