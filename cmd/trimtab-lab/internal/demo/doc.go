// Package demo shows on real HAProxies what trimtab is for.
//
//	                 ┌▶ HAProxy, untouched (100 each) ──▶ 8 8 4 4 2 cores
//	one trace ───────┼▶ HAProxy ◀── trimtab attach ─────▶ 8 8 4 4 2 cores
//	                 └▶ HAProxy, known capacities ──────▶ 8 8 4 4 2 cores
//
// First act, after a warm-up in which trimtab learns: who has which latency.
// Second act: one backend answers 500 at once, and is well again after a while.
//
// Whatever was measured while the generator was late is INVALID: it is said so
// and measured again, and never passes.
package demo
