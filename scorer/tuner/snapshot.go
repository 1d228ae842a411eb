package tuner

import (
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Snapshot is all that people and metrics see of one pool. It is immutable.
type Snapshot struct {
	// Plan is the newest plan; Seq 0 means that no step was taken yet.
	Plan scorer.Plan
	// Started is when the tuner began.
	Started time.Time
	// StepTime is how long the newest step took.
	StepTime time.Duration
	// Moves counts the weights that changed from one plan to the next since
	// the start; Ejections the backends that were ejected.
	Moves, Ejections uint64
	// Reports counts the reports taken since the start, Unmatched those of
	// backends that are not in the pool; LastReport is when the newest was made.
	Reports, Unmatched uint64
	LastReport         time.Time
	// Orders are what operators have ordered.
	Orders scorer.Orders
	// Shed is by backend, for those of which connections were asked to reconnect.
	Shed    map[string]ShedStatus
	Targets []TargetStatus
	Sources []SourceStatus
}

// TargetStatus is how one target follows.
type TargetStatus struct {
	Name string
	// InSync is true while the newest plan that was carried out succeeded.
	InSync bool
	// LastError is the newest failure, "" after a success.
	LastError string
	// LastApply is how long the newest apply took.
	LastApply time.Duration
	// AppliedSeq is the newest plan that was carried out.
	AppliedSeq uint64
	// Applies and Failures count since the start.
	Applies, Failures uint64
	// InForce is what the target's data plane had after the newest apply.
	InForce scorer.InForce
}

// SourceStatus is how one source or discoverer does.
type SourceStatus struct {
	Name string
	// LastError is why it stopped last, "" while it runs.
	LastError string
	// Restarts counts since the start.
	Restarts uint64
}
