package load

import (
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
)

// Part is some of what clients did in one run: a [Replay] or [Clients].
type Part interface {
	// sent is what was to be sent in [from, to), as it is known now.
	sent(from, to time.Duration) []outcome
}

// Final sums up what was to be sent in [from, to) of the trace by what is known
// now; what is not answered counts as unfinished. It is for after Stop.
func Final(from, to time.Duration, of ...Part) Result {
	var all []outcome
	for _, part := range of {
		all = append(all, part.sent(from, to)...)
	}
	return resultOf(all, to-from)
}

// Latencies are the means of what each backend answered well in each second of
// [0, to), in seconds, NaN where that was nothing.
func Latencies(backends int, to time.Duration, of ...Part) [][]float64 {
	sums, counts := make([][]float64, backends), make([][]float64, backends)
	for i := range sums {
		sums[i], counts[i] = make([]float64, int(to.Seconds())), make([]float64, int(to.Seconds()))
	}
	for _, part := range of {
		for _, o := range part.sent(0, to) {
			second := int((o.at + o.latency).Seconds())
			if o.ok() && o.backend != nobody && o.backend < backends && second < len(sums[o.backend]) {
				sums[o.backend][second] += o.latency.Seconds()
				counts[o.backend][second]++
			}
		}
	}
	for i := range sums {
		for k := range sums[i] {
			sums[i][k] /= counts[i][k] // 0/0 is the NaN that is wanted
		}
	}
	return sums
}

func (r *Replay) sent(from, to time.Duration) []outcome {
	first, end := r.opts.Trace.between(from, to)
	out := r.outcomes.known(first, end)
	for i := range out {
		out[i].at = r.opts.Trace.Arrivals[first+i].At
	}
	return out
}

func (c *Clients) sent(from, to time.Duration) []outcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.outcomes), func(o outcome) bool { return o.at < from || o.at >= to })
}

// places are the indices of backends by name.
type places map[string]int

func placesOf(names []string) places {
	out := make(places, len(names))
	for i, name := range names {
		out[name] = i
	}
	return out
}

// of is who has answered.
func (p places) of(h http.Header) int {
	if i, known := p[h.Get(backend.NameHeader)]; known {
		return i
	}
	return nobody
}

// never is an instant that does not come.
const never = time.Duration(math.MaxInt64)
