// Package sensitivity shows how little depends on the constants of the law: each
// is halved and doubled, and p99 compared with that of the defaults on the same
// requests.
//
//	simulate.Match ──▶ default ─────────────────┐
//	 (a scenario,      each constant ×½ and ×2 ─┼─▶ p99 ÷ default's, median over seeds
//	 proxy, seeds)     controls ────────────────┘   ─▶ Change, and the Row's noise
//
// One weight that moves a moment later changes the course of all that follows, so
// that a law which is no other does have another p99. How much that is in each row
// is measured by controls: all constants changed by one per cent at once, each up
// or down by the toss of a coin. What stays below it says nothing.
//
// It judges trimtab by nothing but itself; how good it is, package judgement says.
package sensitivity
