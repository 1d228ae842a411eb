package demo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/child"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/stack"
)

// reportWindow smooths the utilization that is shown.
const reportWindow = 5 * time.Second

// Run runs the demo and returns what it found, valid or not. When ctx is done
// it stops everything it has started, children included, and returns.
func Run(ctx context.Context, opts Options, display Display) (_ Result, err error) {
	if err := opts.setDefaults(); err != nil {
		return Result{}, err
	}
	trace, err := opts.trace()
	if err != nil {
		return Result{}, err
	}
	display.Note(fmt.Sprintf("%s; 5 backends of 8, 8, 4, 4 and 2 cores, %.0f requests/s of %v each: %.0f %% load; %s",
		opts.Proxy.title(), opts.rate(), opts.MeanDemand, 100*loadShare, opts.Scheduling))

	entries, err := startStacks(ctx, opts)
	defer func() { err = errors.Join(err, closeStacks(entries)) }()
	if err != nil {
		return Result{}, err
	}
	var stacks []*stack.Stack
	var attached *child.Process
	for _, e := range entries {
		stacks = append(stacks, e.stack)
		if e.tuner != nil {
			attached = e.tuner
		}
	}
	compare, err := stack.Compare(ctx, trace, stacks...)
	if err != nil {
		return Result{}, err
	}
	defer compare.Stop()

	s := &show{
		opts: opts, attached: attached,
		watcher: &watcher{stacks: entries, compare: compare, display: display},
	}
	return s.run(ctx)
}

// startStacks starts all stacks at once and returns those that are running,
// also with an error.
func startStacks(ctx context.Context, opts Options) ([]*entry, error) {
	roles := opts.roles()
	entries := make([]*entry, len(roles))
	var group errgroup.Group
	for i, r := range roles {
		group.Go(func() error {
			var err error
			entries[i], err = opts.start(ctx, r)
			return err
		})
	}
	err := group.Wait()
	running := entries[:0]
	for _, e := range entries {
		if e != nil {
			running = append(running, e)
		}
	}
	return running, err
}

func closeStacks(entries []*entry) error {
	errs := make([]error, len(entries))
	var closing sync.WaitGroup
	for i, e := range entries {
		closing.Go(func() { errs[i] = e.close() })
	}
	closing.Wait()
	return errors.Join(errs...)
}

// show is the demo under way.
type show struct {
	*watcher
	opts     Options
	attached *child.Process
	result   Result
}

// run plays the acts while the watcher watches. Whatever ends first ends all.
func (s *show) run(ctx context.Context) (Result, error) {
	watching, stop := context.WithCancel(ctx)
	group, watching := errgroup.WithContext(watching)
	s.begin("warm-up", s.opts.planned())
	group.Go(func() error { return s.watcher.run(watching) })
	if s.attached != nil {
		group.Go(func() error { return s.attached.Wait(watching) })
	}
	group.Go(func() error {
		defer stop()
		return s.acts(watching)
	})
	if err := group.Wait(); err != nil {
		return Result{}, err
	}
	s.result.judge()
	return s.result, nil
}

func (s *show) acts(ctx context.Context) error {
	s.result = Result{
		Proxy: s.opts.Proxy, Seed: s.opts.Seed, Rate: s.opts.rate(), MeanDemandMS: ms(s.opts.MeanDemand),
		Cores: cores(), Scheduling: string(s.opts.Scheduling),
	}
	if err := s.compare.Wait(ctx, s.opts.Warmup); err != nil {
		return err
	}
	if err := s.first(ctx); err != nil {
		return err
	}
	return s.second(ctx)
}

// clock writes a time since the beginning as minutes and seconds.
func clock(d time.Duration) string {
	d = d.Round(time.Second)
	return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}
