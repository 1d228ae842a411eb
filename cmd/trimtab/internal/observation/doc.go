// Package observation is what a running trimtab has seen of one pool over the last
// minutes: enough to simulate it, and nothing that changes it.
//
//	plans, one a second ─▶ Watch: means of the last minutes ─┐
//	tuner.Tuner ─▶ scorer.Learned, tuner.Snapshot ───────────┼─▶ Document ─▶ GET /api/v1/pools/POOL/observation
//	configuration ─▶ what each target can be told ───────────┘                  │
//	                                       trimtab advise, package advice ◀─────┘
//
// The document is a contract: fields are added, never renamed; a change of meaning
// is another [Version]. What is not known is null.
//
// The package is not for the state of this moment (package status) nor for drawing
// any conclusions.
package observation
