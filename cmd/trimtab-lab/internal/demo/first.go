package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/load"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/machine"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/stack"
)

// first measures latencies until a measurement counts.
func (s *show) first(ctx context.Context) error {
	rest := s.opts.Fail + s.opts.Return
	measuring := func(act string) {
		s.begin(act, s.compare.Elapsed()+s.opts.Measure+rest)
	}
	measuring("first act: measuring")
	var meter machine.Meter
	if s.attached != nil {
		meter = machine.NewMeter(s.attached.PID())
	}
	attempt := 1
	measured, attempts, err := s.compare.MeasureValid(ctx, s.opts.Measure, func(all []stack.Measurement) {
		attempt++
		s.note(fmt.Sprintf("INVALID: the generator was %v late at p99 (limit %v): measured again, %d of %d",
			latest(all).Round(10*time.Microsecond), all[0].Validity.Limit, attempt, load.Attempts))
		measuring(fmt.Sprintf("first act: measuring again (%d of %d)", attempt, load.Attempts))
	})
	if err != nil {
		return fmt.Errorf("first act: %w", err)
	}
	r := &s.result
	r.Attempts, r.Valid = attempts, stack.Valid(measured)
	r.TrimCPU, r.LabCPU = some(meter.Cores()), some(measured[0].LabCPU)
	for i, m := range measured {
		e := s.stacks[i]
		r.Stacks = append(r.Stacks, stackOf(e.name, m, e.weights()))
		s.note(fmt.Sprintf("%s: p50 %.1f ms, p99 %.1f ms, imbalance %.2f", e.name, ms(m.Latency.P50), ms(m.Latency.P99), m.Imbalance))
	}
	return nil
}

// latest is the worst lateness of all.
func latest(all []stack.Measurement) time.Duration {
	var late time.Duration
	for _, m := range all {
		late = max(late, m.Validity.SendLate.P99)
	}
	return late
}
