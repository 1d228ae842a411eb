package agentcheck

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// "ready" is said to a proxy that was told "drain" until it has been told
	// this often and for so long: any one answer may not arrive, several
	// processes may ask from one address, and some ask seldom. It is not said
	// for ever, as it would end what others begin.
	readyAnswers = 3
	readyFor     = 10 * time.Second
	// maxDrained bounds how many proxies are remembered for that.
	maxDrained = 256
)

// board is what one pool's backends are answered, and what they were told. It
// outlives the targets that write on it, so that a new one goes on from what the
// proxies have.
type board struct {
	answers atomic.Pointer[answers]

	mu    sync.Mutex
	asked time.Time // the newest request, for whichever backend
	told  map[string]*telling
}

// answers are of one plan. They are immutable.
type answers struct {
	// until is when the plan is too old.
	until time.Time
	// hold says that the plan is not to be carried out.
	hold bool
	by   map[string]answer
}

type answer struct {
	line, ready []byte
	percent     int
	// weight is what HAProxy makes of it; 0 for drain, too.
	weight int
	drain  bool
}

// telling is what one backend was told.
type telling struct {
	asked time.Time
	// said is the newest answer that was given, since when it was first given.
	said  answer
	since time.Time
	// drained are the proxies that were told to drain it and are not known to
	// have heard that it is over.
	drained map[netip.Addr]*ending
}

type ending struct {
	began   time.Time
	answers int
}

type outcome uint8

const (
	backendTold outcome = iota
	backendHeld
	backendUnknown
)

// tell is the answer for a backend, and is taken to be given.
func (b *board) tell(backend string, peer netip.Addr, now time.Time) ([]byte, outcome) {
	plan := b.answers.Load()
	if plan == nil {
		return nil, backendHeld
	}
	a, ok := plan.by[backend]
	if !ok {
		return nil, backendUnknown
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.told[backend]
	if t == nil {
		t = &telling{}
		b.told[backend] = t
	}
	b.asked, t.asked = now, now
	if plan.hold || now.After(plan.until) {
		return nil, backendHeld
	}
	if t.since.IsZero() || t.said.percent != a.percent || t.said.drain != a.drain {
		t.since = now
	}
	t.said = a
	return t.line(a, peer, now), backendTold
}

func (t *telling) line(a answer, peer netip.Addr, now time.Time) []byte {
	end := t.drained[peer]
	switch {
	case a.drain:
		if t.drained == nil {
			t.drained = map[netip.Addr]*ending{}
		}
		if end != nil || len(t.drained) < maxDrained {
			t.drained[peer] = &ending{}
		}
		return a.line
	case end == nil:
		return a.line
	case end.answers == 0:
		end.began = now
	}
	end.answers++
	if end.answers >= readyAnswers && now.Sub(end.began) >= readyFor {
		delete(t.drained, peer)
	}
	return a.ready
}

// word is a copy of what a backend was told, for those who look.
type word struct {
	asked, since time.Time
	said         answer
}

// words are what all were told, and when anybody asked last.
func (b *board) words() (map[string]word, time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make(map[string]word, len(b.told))
	for name, t := range b.told {
		out[name] = word{t.asked, t.since, t.said}
	}
	return out, b.asked
}

// post puts the answers up, and forgets backends that are gone.
func (b *board) post(a *answers) {
	b.answers.Store(a)
	b.mu.Lock()
	defer b.mu.Unlock()
	for name := range b.told {
		if _, ok := a.by[name]; !ok {
			delete(b.told, name)
		}
	}
}

// board returns the pool's; the same one each time.
func (s *Server) board(pool string) *board {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.boards[pool]
	if b == nil {
		b = &board{told: map[string]*telling{}}
		s.boards[pool] = b
	}
	return b
}

// boardFor is the board for who asks about a pool, nil if there is none. A plain
// name is of the only pool there is.
func (s *Server) boardFor(pool string) *board {
	s.mu.Lock()
	defer s.mu.Unlock()
	if pool != "" {
		return s.boards[pool]
	}
	var only *board
	for _, b := range s.boards {
		if b.answers.Load() == nil {
			continue
		}
		if only != nil {
			return nil
		}
		only = b
	}
	return only
}
