package stack

import (
	"context"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/alarm"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/load"
)

const (
	// lead is how far ahead a replay is scheduled, so that it begins on time.
	lead = 200 * time.Millisecond
	// stagger is how far apart the stacks' clocks are: arrivals of one trace
	// at the same instant would queue for the processor, the last stack's last.
	stagger = 300 * time.Microsecond
	// settleTimeout is how long the last answers of a window may take.
	settleTimeout = time.Minute
)

// Comparison is one trace being replayed through stacks side by side.
type Comparison struct {
	stacks  []*Stack
	replays []*load.Replay
	trace   load.Trace
}

// Compare begins to replay the trace. The caller has to call Stop.
func Compare(ctx context.Context, trace load.Trace, stacks ...*Stack) (*Comparison, error) {
	c := &Comparison{stacks: stacks, trace: trace}
	start := time.Now().Add(lead)
	for i, s := range stacks {
		r, err := load.Start(ctx, load.Options{URL: s.URL(), Trace: trace}, start.Add(time.Duration(i)*stagger))
		if err != nil {
			c.Stop()
			return nil, err
		}
		c.replays = append(c.replays, r)
	}
	return c, nil
}

// Stop ends the replays and waits for them.
func (c *Comparison) Stop() {
	for _, r := range c.replays {
		r.Stop()
	}
}

// Elapsed is how far into the trace the comparison is.
func (c *Comparison) Elapsed() time.Duration { return c.replays[0].Elapsed() }

// Wait returns at the instant of the trace, or with ctx's error before.
func (c *Comparison) Wait(ctx context.Context, until time.Duration) error {
	a, err := alarm.New()
	if err != nil {
		return err
	}
	defer func() { _ = a.Close() }()
	return alarm.WaitUntil(ctx, a, time.Now().Add(until-c.Elapsed()))
}

// Live is how each stack does so far.
func (c *Comparison) Live() []load.Live {
	var all []load.Live
	for _, r := range c.replays {
		all = append(all, r.Live())
	}
	return all
}

// Mark begins Live's latencies anew.
func (c *Comparison) Mark() {
	for _, r := range c.replays {
		r.Mark()
	}
}

// Window sums up what was sent in [from, to) of the trace, by stack, when all
// of it is answered.
func (c *Comparison) Window(ctx context.Context, from, to time.Duration) ([]load.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	var all []load.Result
	for _, r := range c.replays {
		got, err := r.Window(ctx, from, to)
		if err != nil {
			return nil, err
		}
		all = append(all, got)
	}
	return all, nil
}
