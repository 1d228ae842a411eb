package stack

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/load"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/machine"
)

// Measurement is what one stack did in one window.
type Measurement struct {
	load.Result
	Validity load.Validity
	// Utilization is busy cores over cores, by backend; Imbalance its largest
	// over its mean.
	Utilization []float64
	Imbalance   float64
	// CompletionLateP99 is how late the backends' answers left.
	CompletionLateP99 time.Duration
	// ProxyCPU and LabCPU are cores used by this proxy and by this process,
	// the latter for all stacks together; NaN where the system does not tell.
	ProxyCPU, LabCPU float64
}

// Measure measures from now on for so long, and returns when all that was sent
// is answered: one measurement for each stack.
func (c *Comparison) Measure(ctx context.Context, length time.Duration) ([]Measurement, error) {
	from := c.Elapsed()
	if last := len(c.trace.Arrivals) - 1; last < 0 || from+length > c.trace.Arrivals[last].At+time.Second {
		return nil, fmt.Errorf("stack: the trace ends before %v", from+length)
	}
	own := machine.NewMeter(os.Getpid())
	var proxies []machine.Meter
	var before []usage
	for _, s := range c.stacks {
		s.takeCompletionLate()
		proxies = append(proxies, machine.NewMeter(s.Proxy.PID()))
		before = append(before, s.usage())
	}
	if err := c.Wait(ctx, from+length); err != nil {
		return nil, err
	}
	measured := make([]Measurement, len(c.stacks))
	for i, s := range c.stacks {
		m := &measured[i]
		m.Utilization = s.utilization(before[i], s.usage())
		m.Imbalance = imbalance(m.Utilization)
		m.CompletionLateP99 = time.Duration(s.takeCompletionLate().ValueAtQuantile(99)) * time.Microsecond
		m.ProxyCPU, m.LabCPU = proxies[i].Cores(), own.Cores()
	}
	results, err := c.Window(ctx, from, from+length)
	if err != nil {
		return nil, err
	}
	for i, r := range results {
		measured[i].Result = r
		measured[i].Validity = load.Gate(r.SendLate, c.trace.MeanDemand)
	}
	return measured, nil
}

// Valid reports whether all of them count.
func Valid(all []Measurement) bool {
	return !slices.ContainsFunc(all, func(m Measurement) bool { return !m.Validity.Valid() })
}

// MeasureValid measures until the measurement counts, [load.Attempts] times at most,
// and returns the last, valid or not. invalid, if not nil, is told of each that
// does not count and is made again.
func (c *Comparison) MeasureValid(ctx context.Context, length time.Duration, invalid func([]Measurement)) (_ []Measurement, attempts int, _ error) {
	for attempts = 1; ; attempts++ {
		all, err := c.Measure(ctx, length)
		if err != nil || Valid(all) || attempts == load.Attempts {
			return all, attempts, err
		}
		if invalid != nil {
			invalid(all)
		}
	}
}

// Run replays a trace of this shape through the stacks and measures each for
// `length` after a warm-up, as MeasureValid does. The shape's length is not
// looked at: the trace is as long as it may take.
func Run(ctx context.Context, shape load.Shape, warmup, length time.Duration, stacks ...*Stack) ([]Measurement, error) {
	shape.Length = warmup + load.Attempts*length + margin
	trace, err := load.Poisson(shape)
	if err != nil {
		return nil, err
	}
	c, err := Compare(ctx, trace, stacks...)
	if err != nil {
		return nil, err
	}
	defer c.Stop()
	if err := c.Wait(ctx, warmup); err != nil {
		return nil, err
	}
	all, _, err := c.MeasureValid(ctx, length, nil)
	return all, err
}

// margin is the trace left over when all attempts were needed: between them,
// late answers are waited for.
const margin = 10 * time.Second
