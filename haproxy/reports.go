package haproxy

import (
	"context"
	"slices"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// reportSlack is how many polls a reader of reports may be behind.
const reportSlack = 8

// reader takes reports, a poll's at a time, and gives back the room that they
// were in.
type reader struct {
	batches, used chan []scorer.Report
}

func newReader() *reader {
	return &reader{make(chan []scorer.Report, reportSlack), make(chan []scorer.Report, 1)}
}

// room is space for a poll's reports: what a reader has done with where there is
// only one, as nearly always.
func (b *Backend) room(reports int) []scorer.Report {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.reports) == 1 {
		select {
		case used := <-b.reports[0].used:
			if cap(used) >= reports {
				return used[:0]
			}
		default:
		}
	}
	return make([]scorer.Report, 0, reports)
}

// send never waits: who is slow loses the oldest reports, whose intervals go
// with them.
func (b *Backend) send(batch []scorer.Report) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, to := range b.reports {
		select {
		case to.batches <- batch:
		default:
			select {
			case <-to.batches:
			default:
			}
			select {
			case to.batches <- batch:
			default:
			}
		}
	}
}

// Reports is what HAProxy counts of each server, as a source.
func (b *Backend) Reports() tuner.Source { return reports{b} }

type reports struct{ *Backend }

// Run implements tuner.Source.
func (b reports) Run(ctx context.Context, out chan<- scorer.Report) error {
	if b.bad != nil {
		return b.bad
	}
	me := newReader()
	b.join(me)
	defer b.leave(me)
	for {
		select {
		case <-ctx.Done():
			return nil
		case batch := <-me.batches:
			for _, r := range batch {
				if !deliver(ctx, out, r) {
					return nil
				}
			}
			select {
			case me.used <- batch:
			default:
			}
		}
	}
}

// join adds a reader, for whose sake HAProxy is asked for the backend.
func (b *Backend) join(me *reader) {
	b.watchers.Add(1)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reports = append(b.reports, me)
}

func (b *Backend) leave(me *reader) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reports = slices.DeleteFunc(b.reports, func(r *reader) bool { return r == me })
	b.watchers.Add(-1)
}
