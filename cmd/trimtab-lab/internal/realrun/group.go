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
)

// group runs some policies side by side.
func (o *Options) group(ctx context.Context, entries []entry, d drawn) (_ []PolicyRun, err error) {
	if err := machine.NeedFiles(filesPerOpen * connections(&o.Scenario) * len(entries)); err != nil {
		return nil, err
	}
	entrants, err := o.startAll(ctx, entries, d.seed)
	defer func() { err = errors.Join(err, closeAll(entrants)) }()
	if err != nil {
		return nil, err
	}
	begin := time.Now().Add(lead)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	playing, ctx := errgroup.WithContext(ctx)
	var all []traffic
	defer func() {
		for i := range all {
			all[i].stop()
		}
	}()
	for i, e := range entrants {
		start := begin.Add(time.Duration(i) * stagger)
		t, err := e.traffic(ctx, d, start)
		all = append(all, t)
		if err != nil {
			cancel()
			_ = playing.Wait() // what it says is that it was cancelled
			return nil, err
		}
		playing.Go(func() error { return e.play(ctx, start) })
		playing.Go(func() error { return t.ended(ctx, start.Add(o.Scenario.Duration+settle)) })
	}
	if err := playing.Wait(); err != nil {
		return nil, err
	}
	var out []PolicyRun
	for i, e := range entrants {
		all[i].stop()
		out = append(out, e.run(&all[i], d))
	}
	return out, nil
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

// run sums a policy's run up.
func (e *entrant) run(t *traffic, d drawn) PolicyRun {
	s := &e.opts.Scenario
	out := PolicyRun{
		Policy: e.policy.Name, Seed: d.seed,
		Result:      load.Final(s.Warmup, s.Duration, t.parts()...),
		Connections: t.connected(s.Warmup, s.Duration), CompletionLateP99: e.takeCompletionLate(),
		seen: seen{
			imbalance: e.gauge.balance.Imbalance(), connections: e.gauge.balance.Connections(),
			pushes: e.inForce.pushes, backends: len(s.Backends), minutes: (s.Duration - s.Warmup).Minutes(),
			convergence: e.inForce.watch.Convergence(), series: e.gauge.series, steady: !restarts(s) && !e.closes(s),
			held: e.gauge.holding.Held(), clientsLost: t.lost(),
		},
	}
	out.seen.broken, out.seen.shed = e.ended(out.Connections.LostThen)
	for i, latency := range load.Latencies(len(s.Backends), s.Duration, t.parts()...) {
		out.seen.series.Backends[i].Latency = latency
	}
	out.Validity = load.Gate(out.SendLate, d.typical)
	out.ProxyCPU, out.LabCPU = e.gauge.cores()
	return out
}
