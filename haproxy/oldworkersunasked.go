package haproxy

import (
	"fmt"
	"sync"
	"time"
)

// leftFor is how long after a reload people are told of what it has left to an old
// worker that nobody can ask: nor can anybody say when that has ended.
const leftFor = time.Hour

// unasked is the newest old worker of a HAProxy of which no master socket is known. A
// drain that counts nothing any more is not over while that one has connections.
type unasked struct {
	mu  sync.Mutex
	pid int64
	at  time.Time
}

// leave notes that a reload has replaced the process that the polls read.
func (p *Proxy) leave(pid int64, now time.Time) {
	if p.old != nil || !p.holds() {
		return
	}
	u := &p.unasked
	u.mu.Lock()
	known := u.pid == pid
	if !known {
		u.pid, u.at = pid, now
	}
	u.mu.Unlock()
	if !known {
		p.log.Warn("connections that a reload has left to the old worker are neither counted nor closed: no master socket is configured", "pid", pid)
	}
}

// holds says whether anything was open when the process was read last.
func (p *Proxy) holds() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.backends {
		for _, h := range b.histories {
			if h.last.open > 0 {
				return true
			}
		}
	}
	return false
}

// warning is what people have to know of it now, "" for nothing.
func (u *unasked) warning(now time.Time) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.at.IsZero() || now.Sub(u.at) > leftFor {
		return ""
	}
	return fmt.Sprintf("what was open at the reload %v ago was left to the old worker, pid %d, and is neither counted nor closed: set master_socket",
		now.Sub(u.at).Round(time.Second), u.pid)
}
