package realrun

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/load"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/machine"
)

const (
	// lead is how far ahead replays are scheduled, so that they begin on time.
	lead = 500 * time.Millisecond
	// stagger is how far apart the policies' clocks are: arrivals of one trace at
	// the same instant would queue for the processor, the last policy's last.
	stagger = 300 * time.Microsecond
	// settle is how long the last answers may take; what is left is unfinished.
	settle = time.Minute
	// filesPerOpen is what one open request costs this process: its client's end
	// and its backend's.
	filesPerOpen = 2
)

// group runs some policies side by side.
func (o *Options) group(ctx context.Context, entries []entry, trace load.Trace, seed uint64) (_ []PolicyRun, err error) {
	if err := machine.NeedFiles(filesPerOpen * maxOpen * len(entries)); err != nil {
		return nil, err
	}
	entrants, err := o.startAll(ctx, entries, seed)
	defer func() { err = errors.Join(err, closeAll(entrants)) }()
	if err != nil {
		return nil, err
	}
	begin := time.Now().Add(lead)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	playing, ctx := errgroup.WithContext(ctx)
	var replays []*load.Replay
	defer func() {
		for _, r := range replays {
			r.Stop()
		}
	}()
	for i, e := range entrants {
		start := begin.Add(time.Duration(i) * stagger)
		r, err := load.Start(ctx, e.load(trace), start)
		if err != nil {
			cancel()
			_ = playing.Wait() // what it says is that it was cancelled
			return nil, err
		}
		replays = append(replays, r)
		playing.Go(func() error { return e.play(ctx, start) })
		playing.Go(func() error { return ended(ctx, r, start.Add(o.Scenario.Duration+settle)) })
	}
	if err := playing.Wait(); err != nil {
		return nil, err
	}
	var out []PolicyRun
	for i, e := range entrants {
		replays[i].Stop()
		out = append(out, e.run(replays[i], trace, seed))
	}
	return out, nil
}

// ended waits for the last answer, or for the time after which none counts.
func ended(ctx context.Context, r *load.Replay, until time.Time) error {
	patience := time.NewTimer(time.Until(until))
	defer patience.Stop()
	select {
	case <-r.Ended():
	case <-patience.C:
	case <-ctx.Done():
	}
	return ctx.Err()
}

func (o *Options) startAll(ctx context.Context, entries []entry, seed uint64) ([]*entrant, error) {
	entrants := make([]*entrant, len(entries))
	var starting errgroup.Group
	for i, one := range entries {
		starting.Go(func() (err error) {
			if entrants[i], err = o.start(ctx, one, seed); err != nil {
				err = fmt.Errorf("policy %s: %w", one.policy.Name, err)
			}
			return err
		})
	}
	return entrants, starting.Wait()
}

func closeAll(entrants []*entrant) error {
	var closing errgroup.Group
	errs := make([]error, len(entrants))
	for i, e := range entrants {
		closing.Go(func() error {
			errs[i] = e.close()
			return nil
		})
	}
	return errors.Join(closing.Wait(), errors.Join(errs...))
}

func (e *entrant) load(trace load.Trace) load.Options {
	o := load.Options{URL: e.stacks[0].URL(), Trace: trace, Timeout: patience, MaxOpen: maxOpen}
	for _, s := range e.stacks[1:] {
		o.Others = append(o.Others, s.URL())
	}
	return o
}

// run sums a policy's run up.
func (e *entrant) run(r *load.Replay, trace load.Trace, seed uint64) PolicyRun {
	s := &e.opts.Scenario
	out := PolicyRun{
		Policy: e.policy.Name, Seed: seed, Result: r.Final(s.Warmup, s.Duration), CompletionLateP99: e.takeCompletionLate(),
		spread: result{
			imbalance: e.gauge.imbalance.mean(), connections: e.gauge.connections.mean(),
			pushes: e.gauge.pushes, backends: len(s.Backends), minutes: (s.Duration - s.Warmup).Minutes(),
		},
	}
	out.Validity = load.Gate(out.SendLate, trace.TypicalDemand())
	out.ProxyCPU, out.LabCPU = e.gauge.cores()
	return out
}
