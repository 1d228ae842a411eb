package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/load"
)

// second has a backend fail and return, until it happened in valid time.
func (s *show) second(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		f, err := s.fail(ctx, attempt)
		if err != nil {
			return fmt.Errorf("second act: %w", err)
		}
		s.result.Failure = f
		if f.Valid || attempt == load.Attempts {
			return nil
		}
		s.note("INVALID: the generator was late in the second act: again")
	}
}

// fail is one attempt at the second act.
func (s *show) fail(ctx context.Context, attempt int) (Failure, error) {
	name := s.stacks[0].stack.Backends[failing].Config().Name
	failed := s.compare.Elapsed()
	well := failed + s.opts.Fail
	s.begin("second act: "+name+" answers 500 at once", well+s.opts.Return)
	s.note(name + " begins to answer 500 at once in every stack")
	if err := s.setFaults(ctx, backend.Faults{FailShare: 1}); err != nil {
		return Failure{}, err
	}
	if err := s.compare.Wait(ctx, well); err != nil {
		return Failure{}, err
	}
	if err := s.setFaults(ctx, backend.Faults{}); err != nil {
		return Failure{}, err
	}
	s.begin("second act: "+name+" is well again", well+s.opts.Return)
	s.note(name + " is well again")
	if err := s.waitReturned(ctx, failed, well); err != nil {
		return Failure{}, err
	}
	over := s.compare.Elapsed()

	counted, err := s.compare.Window(ctx, failed+grace, well)
	if err != nil {
		return Failure{}, err
	}
	all, err := s.compare.Window(ctx, failed, over)
	if err != nil {
		return Failure{}, err
	}
	f := Failure{
		Backend: name, Seconds: s.opts.Fail.Seconds(), Grace: grace.Seconds(),
		Attempts: attempt, Valid: true, Target: errorTarget,
	}
	for i, e := range s.stacks {
		v := load.Gate(all[i].SendLate, s.opts.MeanDemand)
		f.Valid = f.Valid && v.Valid()
		share := counted[i].ErrorShare()
		if e.name == Trimtab {
			f.Met = share <= errorTarget
		}
		f.Stacks = append(f.Stacks, FailureStack{
			Name: e.name, ErrorShare: share, Errors: all[i].Errors.Total(), SendLateP99: ms(v.SendLate.P99),
			Ejected: since(failed)(e.ejected(failed)), Returned: s.returnedSince(e, failed, well),
		})
	}
	return f, nil
}

func (s *show) setFaults(ctx context.Context, f backend.Faults) error {
	for _, e := range s.stacks {
		if err := e.stack.Backends[failing].SetFaults(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// aftermath is how long the act goes on when there is nothing to wait for.
const aftermath = 3 * time.Second

// waitReturned returns when every stack that has ejected the backend has taken
// it back, or when the time for that is over.
func (s *show) waitReturned(ctx context.Context, failed, well time.Duration) error {
	if err := s.compare.Wait(ctx, well+min(aftermath, s.opts.Return)); err != nil {
		return err
	}
	tick := time.NewTicker(watchPeriod)
	defer tick.Stop()
	told := map[string]bool{}
	for s.compare.Elapsed() < well+s.opts.Return {
		waiting := false
		for _, e := range s.stacks {
			if _, out := e.ejected(failed); !out || told[e.name] {
				continue
			}
			if back, ok := e.returned(well); ok {
				told[e.name] = true
				s.note(fmt.Sprintf("%s: back in service, %.1f s after it was well", e.name, (back - well).Seconds()))
				continue
			}
			waiting = true
		}
		if !waiting {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// since turns an instant that may not have been seen into seconds.
func since(from time.Duration) func(time.Duration, bool) *float64 {
	return func(at time.Duration, seen bool) *float64 {
		if !seen {
			return nil
		}
		return some((at - from).Seconds())
	}
}

// returnedSince is about stacks that have ejected it only.
func (s *show) returnedSince(e *entry, failed, well time.Duration) *float64 {
	if _, out := e.ejected(failed); !out {
		return nil
	}
	return since(well)(e.returned(well))
}
