package loadstats

import (
	"bytes"
	"maps"
	"math"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

const (
	// loadHeld is how long what a backend said of itself is repeated: it comes
	// with finished requests only, and there may be none in a period.
	loadHeld = 10 * time.Second
	// maxNamed keeps one backend from filling the memory with names.
	maxNamed = 256
	// maxRatio is more than a backend can honestly be overloaded by, and less
	// than a busy one shows in percent.
	maxRatio = 8
)

// load is what backends said of themselves in a period, as means over the
// requests that finished.
type load struct {
	cpu, memory, utilization metric
	named                    map[string]metric
}

// add takes a named metric; it returns how many were left out.
func (l *load) add(m namedMetric) uint64 {
	switch string(m.name) {
	case "cpu_utilization":
		l.cpu.add(m.metric)
	case "mem_utilization":
		l.memory.add(m.metric)
	case "application_utilization":
		l.utilization.add(m.metric)
	case "rps_fractional", "rps", "eps":
		// Proxies count those themselves.
	default:
		return l.addNamed(m)
	}
	return 0
}

func (l *load) addNamed(m namedMetric) uint64 {
	name := bytes.TrimPrefix(m.name, []byte("named_metrics."))
	before, ok := l.named[string(name)]
	if !ok && len(l.named) >= maxNamed {
		return 1
	}
	if l.named == nil {
		l.named = map[string]metric{}
	}
	before.add(m.metric)
	l.named[string(name)] = before
	return 0
}

// words is what a backend said of itself last.
type words struct {
	at                       time.Time
	cpu, memory, utilization float64
	named                    map[string]float64
}

// hear takes what was said in a period, if anything was; it returns how many
// values were left out.
func (w *words) hear(l *load, now time.Time) (implausible uint64) {
	if l.cpu.requests+l.memory.requests+l.utilization.requests == 0 && len(l.named) == 0 {
		return 0
	}
	*w = words{at: now}
	w.cpu = ratio(l.cpu, &implausible)
	w.memory = ratio(l.memory, &implausible)
	w.utilization = ratio(l.utilization, &implausible)
	for name, m := range l.named {
		v := m.mean()
		if !(v >= 0) || math.IsInf(v, 0) {
			implausible++
			continue
		}
		if w.named == nil {
			w.named = make(map[string]float64, len(l.named))
		}
		w.named[name] = v
	}
	return implausible
}

// ratio is a mean share, NaN when it is absent: a sum of nothing at all is how
// a value that no backend sets is reported.
func ratio(m metric, implausible *uint64) float64 {
	v := m.mean()
	switch {
	case math.IsNaN(v) && m.requests == 0, v == 0:
		return math.NaN()
	case !(v > 0 && v <= maxRatio):
		*implausible++
		return math.NaN()
	default:
		return v
	}
}

// repeat puts the words into a report while they are young enough.
func (w *words) repeat(r *scorer.Report) {
	if w.at.IsZero() || r.At.Sub(w.at) > loadHeld {
		return
	}
	r.CPU, r.Memory, r.Utilization = w.cpu, w.memory, w.utilization
	r.Named = maps.Clone(w.named)
}
