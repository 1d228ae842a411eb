package xds

import (
	"math"
	"sync"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// tap reads along what is reported of backends that have left a pool: the pool
// does not know them any more, and somebody has to see when their connections are
// gone.
type tap struct {
	mu sync.Mutex
	// held are in flight, by backend that is watched and origin.
	held map[string]map[string]float64
}

// tapOf is a pool's. Clusters of a pool share it.
func (s *Server) tapOf(pool string) *tap {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taps[pool] == nil {
		s.taps[pool] = &tap{held: map[string]map[string]float64{}}
	}
	return s.taps[pool]
}

// watch is for these backends from now on.
func (t *tap) watch(backends []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(backends) == 0 && len(t.held) == 0 {
		return
	}
	held := make(map[string]map[string]float64, len(backends))
	for _, name := range backends {
		if held[name] = t.held[name]; held[name] == nil {
			held[name] = map[string]float64{}
		}
	}
	t.held = held
}

// take reports whether it was of somebody who has left.
func (t *tap) take(r *scorer.Report) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.held[r.Backend]
	if ok && !math.IsNaN(r.InFlight) {
		at[r.Origin] = r.InFlight
	}
	return ok
}

// inFlight is what all origins said last of a backend, NaN while none has.
func (t *tap) inFlight(backend string) float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := t.held[backend]
	if len(at) == 0 {
		return math.NaN()
	}
	sum := 0.0
	for _, n := range at {
		sum += n
	}
	return sum
}

// Reports is what all data planes report of a pool, as a source.
func (s *Server) Reports(pool string) tuner.Source {
	left := s.tapOf(pool)
	return s.loads.Reports(pool, func(r *scorer.Report) bool { return !left.take(r) })
}
