package tuner

import (
	"context"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// worker carries plans to one target. While it is busy, newer plans replace
// each other, so that a slow target gets the newest and never a backlog.
type worker struct {
	index   int
	target  NamedTarget
	timeout time.Duration
	mailbox mailbox[scorer.Plan]
}

// result is what became of one plan at one target.
type result struct {
	index   int
	seq     uint64
	inForce scorer.InForce
	err     error
	took    time.Duration
}

func newWorker(index int, target NamedTarget, timeout time.Duration) *worker {
	return &worker{index: index, target: target, timeout: timeout, mailbox: newMailbox[scorer.Plan]()}
}

func (w *worker) run(ctx context.Context, results chan<- result) {
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-w.mailbox:
			r := w.apply(ctx, p)
			select {
			case <-ctx.Done():
				return
			case results <- r:
			}
		}
	}
}

func (w *worker) apply(ctx context.Context, p scorer.Plan) result {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	began := time.Now()
	inForce, err := w.target.Target.Apply(ctx, p)
	return result{index: w.index, seq: p.Seq, inForce: inForce, err: err, took: time.Since(began)}
}
