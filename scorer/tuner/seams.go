// Package tuner runs one pool: reports in, plans out.
//
//	Source ─────▶ reports ─┐
//	Discoverer ─▶ backends ┤   one goroutine owns the scorer.Pool:
//	                       ▼   Observe … every tick Step → Plan
//	Target ◀── newest plan only, one goroutine each ──┘
//	   └─▶ InForce, error ──▶ owner ──▶ Snapshot (atomic pointer)
//	                            └─────▶ Recording, while somebody records
//
// A slow or dead source or target never delays another: each has its own
// goroutine, a target that is still busy is given the newest plan when it is
// done, and everything people see is read from an immutable [Snapshot].
//
// The package is not for deciding (package scorer) nor for speaking to any
// data plane (packages haproxy and xds).
package tuner

import (
	"context"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Source delivers load reports.
//
// Run sends until ctx ends and then returns nil; it must not close out. An
// error means that it cannot go on: the tuner shows it and calls Run again
// after a pause. Passing trouble (a backend that does not answer) is the
// source's own to report and outlive. A send never blocks for long: the tuner
// always drains out.
type Source interface {
	Run(ctx context.Context, out chan<- scorer.Report) error
}

// Discoverer delivers the complete list of a pool's backends whenever it
// changes. Run has the contract of [Source.Run]. A list that was delivered is
// changed by nobody.
type Discoverer interface {
	Run(ctx context.Context, out chan<- []scorer.Backend) error
}

// Target makes one data plane follow plans.
//
// Apply carries out p, which it must not change, and returns what is in force
// afterwards. For a plan in mode [scorer.DryRun] it changes nothing and returns
// what it finds. It is never called concurrently with itself. ctx carries the
// deadline of the exchange. With an error, InForce is what is known to be in
// force all the same; an InForce without shares is taken as nothing known.
type Target interface {
	Apply(ctx context.Context, p scorer.Plan) (scorer.InForce, error)
}
