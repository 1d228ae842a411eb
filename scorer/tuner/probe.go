package tuner

import (
	"context"
	"sync"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Prober finds out whether a backend works by a request of its own, for pools none
// of whose targets can pulse. nil is that it does. ctx carries the deadline.
type Prober interface {
	Probe(ctx context.Context, b scorer.Backend) error
}

const (
	// probeTimeout bounds a request, probesAtOnce how many are under way.
	probeTimeout = time.Second
	probesAtOnce = 8
)

// probed is the outcome of one request.
type probed struct {
	backend string
	err     error
}

// probes carries out the requests that the newest plan asks for. While it is busy,
// newer lists replace each other.
type probes struct {
	prober  Prober
	mailbox mailbox[[]scorer.Backend]
}

func newProbes(p Prober) *probes {
	return &probes{prober: p, mailbox: newMailbox[[]scorer.Backend]()}
}

func (p *probes) run(ctx context.Context, results chan<- probed) {
	for {
		select {
		case <-ctx.Done():
			return
		case list := <-p.mailbox:
			p.round(ctx, list, results)
		}
	}
}

func (p *probes) round(ctx context.Context, list []scorer.Backend, results chan<- probed) {
	var group sync.WaitGroup
	defer group.Wait()
	room := make(chan struct{}, probesAtOnce)
	for _, b := range list {
		room <- struct{}{}
		group.Go(func() {
			defer func() { <-room }()
			limited, cancel := context.WithTimeout(ctx, probeTimeout)
			defer cancel()
			err := p.prober.Probe(limited, b)
			select {
			case <-ctx.Done():
			case results <- probed{b.Name, err}:
			}
		})
	}
}

// probe asks for the health requests that a plan wants.
func (o *owner) probe(plan scorer.Plan) {
	if o.probes == nil {
		return
	}
	wanted := map[string]bool{}
	for i := range plan.Decisions {
		if plan.Decisions[i].Probe {
			wanted[plan.Decisions[i].Backend] = true
		}
	}
	if len(wanted) == 0 {
		return
	}
	var list []scorer.Backend
	for _, b := range o.current {
		if wanted[b.Name] {
			list = append(list, b)
		}
	}
	o.probes.mailbox.offer(list)
}

func (o *owner) probed(r probed) {
	o.model.probed(time.Now(), r.backend, r.err == nil)
	if r.err != nil {
		o.log.Debug("health request", "backend", r.backend, "error", r.err)
	}
}
