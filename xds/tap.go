package xds

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// tap reads along what is reported of backends that have left a pool: the pool
// does not know them any more, and somebody has to see when their connections are
// gone.
type tap struct {
	// watches says that there is anything in held: mostly nobody has left, and then
	// a report is not to cost a lock.
	watches atomic.Bool

	mu sync.Mutex
	// wanted are the backends that each target watches.
	wanted map[*Target][]string
	// held are in flight, by backend that is watched and origin.
	held map[string]map[string]holding
}

// holding is what a reporter said at a time.
type holding struct {
	inFlight float64
	at       time.Time
}

// lastWord is for how long a reporter that is silent counts: it may have ended, and
// its connections with it, or may only have lost its way to here.
const lastWord = 5 * time.Minute

// tapOf is a pool's. Clusters of a pool share it.
func (s *Server) tapOf(pool string) *tap {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taps[pool] == nil {
		s.taps[pool] = &tap{wanted: map[*Target][]string{}, held: map[string]map[string]holding{}}
	}
	return s.taps[pool]
}

// watch is for what a target wants to know from now on.
func (t *tap) watch(target *Target, backends []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if slices.Equal(t.wanted[target], backends) {
		return
	}
	if t.wanted[target] = backends; len(backends) == 0 {
		delete(t.wanted, target)
	}
	held := map[string]map[string]holding{}
	for _, names := range t.wanted {
		for _, name := range names {
			if held[name] = t.held[name]; held[name] == nil {
				held[name] = map[string]holding{}
			}
		}
	}
	t.held = held
	t.watches.Store(len(held) > 0)
}

// take reports whether it was of somebody who has left.
func (t *tap) take(r *scorer.Report) bool {
	if !t.watches.Load() {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.held[r.Backend]
	if ok && !math.IsNaN(r.InFlight) {
		at[r.Origin] = holding{r.InFlight, r.At}
	}
	return ok
}

// inFlight is what reporters said last of a backend, NaN while none has.
func (t *tap) inFlight(backend string, now time.Time) float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := t.held[backend]
	if len(at) == 0 {
		return math.NaN()
	}
	sum := 0.0
	for _, h := range at {
		if now.Sub(h.at) <= lastWord {
			sum += h.inFlight
		}
	}
	return sum
}

// Reports is what all data planes report of a pool, as a source.
func (s *Server) Reports(pool string) tuner.Source {
	left := s.tapOf(pool)
	return s.loads.Reports(pool, func(r *scorer.Report) bool { return !left.take(r) })
}
