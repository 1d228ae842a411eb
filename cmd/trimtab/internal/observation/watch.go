package observation

import (
	"math"
	"sync"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

const (
	// memory is the time constant of all means, and so about the time that they are
	// taken over once a pool has run for longer: long enough for some requests of a
	// quiet pool, and short against the hours of a day.
	memory = 5 * time.Minute
	// longestStep bounds the time that one plan stands for. A machine that slept has
	// seen nothing meanwhile.
	longestStep = 10 * time.Second
)

// Watch keeps means of what the plans of one pool say. The zero value has seen
// nothing. It is safe for concurrent use.
type Watch struct {
	mu       sync.Mutex
	seq      uint64
	at       time.Time
	seconds  float64
	backends []watched // in the order of the plans: by name
}

// watched is one backend while it takes work.
type watched struct {
	name                        string
	inFlight, completed, failed mean // over time
	latency                     mean // over what was completed
	utilization                 mean // over time
}

// Take notes a plan. One that it has seen already changes nothing.
func (w *Watch) Take(p *scorer.Plan) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p.Seq == w.seq {
		return
	}
	seconds := min(max(p.At.Sub(w.at), 0), longestStep).Seconds()
	if w.seq == 0 {
		seconds = 0 // nobody knows since when
	}
	w.seq, w.at = p.Seq, p.At
	keep := math.Exp(-seconds / memory.Seconds())
	w.seconds = w.seconds*keep + seconds
	w.follow(p.Decisions)
	for i := range p.Decisions {
		w.backends[i].take(&p.Decisions[i], keep, seconds)
	}
}

// follow brings the backends into the order of the decisions.
func (w *Watch) follow(decisions []scorer.Decision) {
	same := len(decisions) == len(w.backends)
	for i := 0; same && i < len(decisions); i++ {
		same = decisions[i].Backend == w.backends[i].name
	}
	if same {
		return
	}
	known := make(map[string]watched, len(w.backends))
	for _, b := range w.backends {
		known[b.name] = b
	}
	w.backends = make([]watched, len(decisions))
	for i := range decisions {
		name := decisions[i].Backend
		w.backends[i] = known[name]
		w.backends[i].name = name
	}
}

func (b *watched) take(d *scorer.Decision, keep, seconds float64) {
	for _, m := range []*mean{&b.inFlight, &b.completed, &b.failed, &b.latency, &b.utilization} {
		m.fade(keep)
	}
	if d.State != scorer.StateReady && d.State != scorer.StateUnknown {
		return
	}
	b.inFlight.add(d.InFlight, seconds)
	b.completed.add(d.RPS, seconds)
	b.failed.add(d.EPS, seconds)
	b.latency.add(d.Latency, d.RPS*seconds)
	b.utilization.add(d.Utilization, seconds)
}

// seen is what the watch has of all backends.
func (w *Watch) seen() (seconds float64, backends map[string]watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	backends = make(map[string]watched, len(w.backends))
	for _, b := range w.backends {
		backends[b.name] = b
	}
	return w.seconds, backends
}
