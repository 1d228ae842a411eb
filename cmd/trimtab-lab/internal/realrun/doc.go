// Package realrun judges policies by a scenario on real proxies: what package
// simulate computes, it lets happen.
//
//	                      ┌ conditions, every tick ──────────────┐
//	simulate.Scenario ────┤                                      ▼
//	  │                   └ reports: late, noisy, lost ◀── backend.Backend × n
//	  │ Arrivals                 │                               ▲
//	  ▼                          ▼                               │
//	load.Replay ─────────▶ HAProxies or Envoys (real) ───────────┘
//	                             ▲ weights
//	     trimtab (a process) · an agent for HAProxy's agent-check
//	     · Envoy's own algorithm · a simulate.Controller over stats socket or EDS
//
// Requests are those that the simulation sees with the same seed, and every
// policy has backends and proxies of its own. Controllers are those of the
// simulation. What HAProxy, Envoy and trimtab do themselves is left to them.
//
// A result does not count when the generator or the backends' emulation was late:
// then it says so, and why. Results are for [simulate.Summarize]'s readers.
//
// It is not for scenarios with long-lived connections, which it refuses, and not
// for measuring how much a proxy can take.
package realrun
