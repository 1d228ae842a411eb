package realrun

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/alarm"
)

// ticksPerStep makes a controller's step a second, as in the simulation.
const ticksPerStep = int(time.Second / simulate.Tick)

// play lets happen what the scenario says, from the instant that its clock
// begins, and returns when traffic ends.
func (e *entrant) play(ctx context.Context, start time.Time) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	for _, t := range e.trimtabs {
		group.Go(func() error { return t.Wait(ctx) })
	}
	group.Go(func() error {
		defer stop()
		return e.ticks(ctx, start)
	})
	if err := group.Wait(); err != nil {
		return fmt.Errorf("policy %s: %w", e.policy.Name, err)
	}
	return nil
}

func (e *entrant) ticks(ctx context.Context, start time.Time) error {
	a, err := alarm.New()
	if err != nil {
		return err
	}
	defer func() { _ = a.Close() }()
	e.inForce.watch.Notice(0, e.conditions.now)
	if e.opts.Scenario.Warmup == 0 {
		e.measure()
	}
	for tick := 1; ; tick++ {
		at := time.Duration(tick) * simulate.Tick
		if err := alarm.WaitUntil(ctx, a, start.Add(at)); err != nil {
			return err
		}
		if err := e.tick(ctx, tick); err != nil {
			return err
		}
		if at >= e.opts.Scenario.Duration {
			return nil
		}
	}
}

func (e *entrant) tick(ctx context.Context, tick int) error {
	at := time.Duration(tick) * simulate.Tick
	if e.conditions.at(at) {
		if err := e.members(ctx); err != nil {
			return err
		}
	}
	e.inForce.watch.Notice(at, e.conditions.now)
	if e.reports != nil {
		e.reports.tick(e.backends, e.conditions.now)
	}
	e.gauge.tick(e.backends, e.conditions.now)
	if warm := e.opts.Scenario.Warmup; at >= warm && at-simulate.Tick < warm {
		e.measure()
	}
	if tick%ticksPerStep != 0 {
		return nil
	}
	return e.second(ctx, at, at > e.opts.Scenario.Warmup)
}

// second closes a second with the weights that were in force in it. After the last
// one nobody steers.
func (e *entrant) second(ctx context.Context, at time.Duration, counted bool) error {
	if e.giver != byController {
		e.look(ctx, at, counted)
	}
	e.gauge.second(at, e.backends, e.conditions.now, e.inForce.drawable(e.conditions.now))
	if e.giver != byController || at >= e.opts.Scenario.Duration {
		return nil
	}
	return e.step(ctx, at, counted)
}

// measure begins what counts.
func (e *entrant) measure() {
	e.takeCompletionLate()
	e.gauge.measure(e.stacks)
}

// step asks the controller for weights. It is told what the laws of others look
// at, backends' reports; trimtab, which looks at what proxies count, is a program.
func (e *entrant) step(ctx context.Context, at time.Duration, counted bool) error {
	samples := make([]simulate.Sample, len(e.backends))
	for i := range samples {
		c := &e.conditions.now[i]
		samples[i] = simulate.Sample{Report: noLoad(), Up: !c.Out(), Present: !c.Absent}
		if e.reports != nil {
			samples[i].Report = e.reports.mailboxes[i].take()
		}
	}
	steering := e.controller.Step(at, samples)
	e.weights = append(e.weights[:0:0], steering.Weights...)
	e.inForce.given(e.weights, e.conditions.now, counted)
	e.inForce.watch.Steered(at, e.conditions.now, steering)
	return e.steer(ctx)
}

// takeCompletionLate is how late answers left at the 99th percentile since the
// last call, over all backends.
func (e *entrant) takeCompletionLate() time.Duration {
	all := e.backends[0].TakeCompletionLate()
	for _, b := range e.backends[1:] {
		all.Merge(b.TakeCompletionLate())
	}
	return time.Duration(all.ValueAtQuantile(99)) * time.Microsecond
}
