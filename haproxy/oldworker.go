package haproxy

import (
	"strconv"
	"time"
)

// oldWorker is a process that a reload has replaced: it takes no new
// connections and stays until its last one has ended, for WebSockets hours
// later.
type oldWorker struct {
	pid int64
	// seen is when it was known to be there, asked when it was asked last.
	seen, asked time.Time
	backends    map[string]*oldBackend
}

// oldBackend is what an old worker has of one backend.
type oldBackend struct {
	id      int64
	servers map[string]*oldServer
}

// oldServer is what an old worker has of one server.
type oldServer struct {
	history  history
	address  string
	inFlight int64
}

// inheritance is what old workers have of one server.
type inheritance struct {
	inFlight int64
	// done is what they have done since it was handed over last.
	done progress
}

// leave takes over what was known of a backend while the worker was the
// present one, so that nothing is lost on the way.
func (w *oldWorker) leave(backend string, before *view, histories map[string]*history) {
	b := &oldBackend{servers: make(map[string]*oldServer, len(histories))}
	for name, h := range histories {
		s, ok := before.server(name)
		if !ok {
			continue
		}
		b.servers[name] = &oldServer{history: *h, address: s.address, inFlight: h.last.open + h.last.queued}
	}
	w.backends[backend] = b
}

// commands asks for the backends that are watched: one by one where their
// numbers are known, else in one dump that tells them.
func (w *oldWorker) commands(backends []string) []string {
	var out []string
	prefix := toOld(w.pid) + "show stat "
	const servers = " 4 -1"
	for _, name := range backends {
		b := w.backends[name]
		switch {
		case b == nil || b.id == 0:
			return []string{prefix + "-1" + servers}
		case b.id != noID:
			out = append(out, prefix+"#"+strconv.FormatInt(b.id, 10)+servers)
		}
	}
	return out
}

// take notes what the worker has at the time, which is everything of the
// backends. A server that it no longer shows has nothing left.
func (w *oldWorker) take(rows []row, backends []string, at time.Time, each func(backend, server string, s *oldServer, done progress)) {
	for _, name := range backends {
		b := w.backends[name]
		if b == nil {
			b = &oldBackend{servers: map[string]*oldServer{}}
			w.backends[name] = b
		}
		if b.id == 0 {
			b.id = noID
		}
		for _, s := range b.servers {
			s.inFlight = 0
		}
	}
	for i := range rows {
		r := &rows[i]
		b := w.backends[r.backend]
		if b == nil || r.server == backendRow {
			continue
		}
		b.id = r.id
		s := b.servers[r.server]
		if s == nil {
			s = &oldServer{}
			b.servers[r.server] = s
		}
		s.address = r.address
		now := countsOf(r, at)
		s.inFlight = now.open + now.queued
		if done, ok := s.history.advance(now); ok {
			each(r.backend, r.server, s, done)
		}
	}
}
