// Package demo shows on real proxies, HAProxies or Envoys, what trimtab is for.
//
//	                 ┌▶ proxy, untouched (100 each) ──▶ 8 8 4 4 2 cores
//	one trace ───────┼▶ proxy ◀── trimtab ────────────▶ 8 8 4 4 2 cores
//	                 └▶ proxy, known capacities ──────▶ 8 8 4 4 2 cores
//
// trimtab has what everybody has: HAProxy's stats socket (`trimtab attach`), or
// what Envoy counts and reports to its xDS server (`trimtab run`).
//
// First act, after a warm-up in which trimtab learns: who has which latency.
// Second act: one backend answers 500 at once, and is well again after a while.
//
// Whatever was measured while the generator was late is INVALID: it is said so
// and measured again, and never passes.
package demo
