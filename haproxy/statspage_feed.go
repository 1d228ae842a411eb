package haproxy

import (
	"context"

	"github.com/trimtab-lb/trimtab/scorer"
)

type pageReports struct{ *StatsPage }

// Run implements tuner.Source.
func (p pageReports) Run(ctx context.Context, out chan<- scorer.Report) error {
	p.reports.each(ctx, func(batch []scorer.Report) bool {
		for _, r := range batch {
			if !deliver(ctx, out, r) {
				return false
			}
		}
		return true
	})
	return nil
}

type pageMembers struct{ *StatsPage }

// Run implements tuner.Discoverer.
func (p pageMembers) Run(ctx context.Context, out chan<- []scorer.Backend) error {
	p.members.each(ctx, func(list []scorer.Backend) bool { return deliver(ctx, out, list) })
	return nil
}
