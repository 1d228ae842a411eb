package realrun

import (
	"context"
	"math"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/stack"
)

// inForce follows the weights that a policy's proxies have.
type inForce struct {
	place map[string]int // by the backend's name
	// weights are as they were seen last, unseen before that.
	weights []int
	// pushes is how often one has changed.
	pushes int
	watch  *simulate.Watch
}

const unseen = -1

func newInForce(s *simulate.Scenario) inForce {
	f := inForce{place: map[string]int{}, weights: make([]int, len(s.Backends)), watch: simulate.NewWatch(s)}
	for i := range s.Backends {
		f.place[s.Backends[i].Name], f.weights[i] = i, unseen
	}
	return f
}

// given takes a controller's word for it.
func (f *inForce) given(to []int, conditions []simulate.Condition, counted bool) {
	for i, w := range to {
		if counted && f.weights[i] != unseen && w != f.weights[i] && !conditions[i].Absent {
			f.pushes++
		}
		f.weights[i] = w
	}
}

// found takes what a proxy says. A change to or from 0 is a backend that goes or
// comes back, or one that is let work for a moment.
func (f *inForce) found(servers []stack.Server, counted bool) {
	for _, one := range servers {
		i, known := f.place[one.Name]
		if !known {
			continue
		}
		if was := f.weights[i]; counted && was > 0 && one.Weight > 0 && one.Weight != was {
			f.pushes++
		}
		f.weights[i] = one.Weight
	}
}

// drawable are the weights for a chart: whoever gets nothing new has none.
func (f *inForce) drawable(conditions []simulate.Condition) []float64 {
	all := make([]float64, len(f.weights))
	for i, w := range f.weights {
		switch {
		case conditions[i].Out():
		case w == unseen:
			all[i] = math.NaN()
		default:
			all[i] = float64(w)
		}
	}
	return all
}

// look is how weights are followed that somebody else gives: by the first proxy,
// of which the others have the same. A look that fails misses changes that the
// next one sees.
func (e *entrant) look(ctx context.Context, at time.Duration, counted bool) {
	servers, err := e.stacks[0].Proxy.Servers(ctx)
	if err != nil {
		return
	}
	e.inForce.found(servers, counted)
	steering := simulate.Steering{Weights: e.inForce.weights}
	if len(e.trimtabs) > 0 && e.opts.Proxy.Kind == simulate.KindEnvoy {
		// What Envoy makes of weights is not in proportion to them.
		shares, err := e.trimtabs[0].shares(ctx)
		if err != nil {
			return
		}
		steering.Shares = make([]float64, len(e.inForce.weights))
		for name, share := range shares {
			if i, known := e.inForce.place[name]; known {
				steering.Shares[i] = share
			}
		}
	}
	e.inForce.watch.Steered(at, e.conditions.now, steering)
}
