// Package compile turns scenario files into what package simulate runs.
//
//	scenario.File ──Scenario──▶ simulate.Scenario ─┐
//	         Proxy ──Proxy────▶ simulate.Proxy ────┼─▶ simulate.Match
//	      Policies ──Policies─▶ simulate.Policy ───┘
//
// It decides nothing: what a key means is written in package scenario, and what
// becomes of it in package simulate. What happens between two of simulate's
// ticks takes effect at the next one.
package compile
