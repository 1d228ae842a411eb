package realrun

import (
	"context"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/load"
)

// traffic is what goes to the proxies of one policy.
type traffic struct {
	replay  *load.Replay  // nil without requests
	clients *load.Clients // nil without long-lived connections
	callers []*simulate.Client
}

// traffic begins at an instant. The caller has to call stop, also after an error.
func (e *entrant) traffic(ctx context.Context, d drawn, start time.Time) (t traffic, err error) {
	names := make([]string, len(e.backends))
	for i, b := range e.opts.Scenario.Backends {
		names[i] = b.Name
	}
	if len(d.trace.Arrivals) > 0 {
		o := load.Options{URL: e.stacks[0].URL(), Trace: d.trace, Timeout: patience, MaxOpen: maxOpen, Backends: names}
		for _, s := range e.stacks[1:] {
			o.Others = append(o.Others, s.URL())
		}
		if t.replay, err = load.Start(ctx, o, start); err != nil {
			return t, err
		}
	}
	if len(e.opts.Scenario.Sockets) == 0 {
		return t, nil
	}
	t.callers, err = simulate.Clients(&e.opts.Scenario, d.seed)
	if err != nil {
		return t, err
	}
	o := load.ClientOptions{Length: e.opts.Scenario.Duration, Messages: d.messages, Backends: names}
	for _, s := range e.stacks {
		o.URLs = append(o.URLs, "ws://"+s.Addr+"/ws")
	}
	for _, c := range t.callers {
		o.Clients = append(o.Clients, caller{c})
	}
	t.clients, err = load.StartClients(ctx, o, start)
	return t, err
}

// ended waits for the last answer, or for the time after which none counts.
func (t *traffic) ended(ctx context.Context, until time.Time) error {
	patient, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	if t.replay != nil {
		select {
		case <-t.replay.Ended():
		case <-patient.Done():
		}
	}
	if t.clients != nil {
		_ = t.clients.Settled(patient) // what is left is unfinished
	}
	return ctx.Err()
}

func (t *traffic) stop() {
	if t.replay != nil {
		t.replay.Stop()
	}
	if t.clients != nil {
		t.clients.Stop()
	}
}

func (t *traffic) parts() []load.Part {
	var out []load.Part
	if t.replay != nil {
		out = append(out, t.replay)
	}
	if t.clients != nil {
		out = append(out, t.clients)
	}
	return out
}

// lost is how many clients had tried and had no connection at the end. It may be asked after stop only.
func (t *traffic) lost() int {
	n := 0
	for _, c := range t.callers {
		if c.Lost() {
			n++
		}
	}
	return n
}

// connected is how connections went in [from, to).
func (t *traffic) connected(from, to time.Duration) load.ClientResult {
	if t.clients == nil {
		return load.ClientResult{}
	}
	return t.clients.Result(from, to)
}
