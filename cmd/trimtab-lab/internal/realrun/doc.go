// Package realrun judges policies by a scenario on real proxies: what package
// simulate computes, it lets happen.
//
//	                      ┌ conditions, every tick ──────────────┐
//	simulate.Scenario ────┤                                      ▼
//	  │ │                 └ reports: late, noisy, lost ◀── backend.Backend × n
//	  │ │ Arrivals               │                               ▲
//	  │ └─────▶ load.Replay ─┐   ▼                               │
//	  │ Clients              ├─▶ HAProxies or Envoys (real) ─────┘
//	  └───────▶ load.Clients ┘   ▲ weights ─▶ inForce: changes, convergence
//	     trimtabs (processes) · an agent for HAProxy's agent-check
//	     · Envoy's own algorithm · a simulate.Controller over stats socket or EDS
//
// Requests, and what clients of long-lived connections do, are those of the
// simulation with the same seed, and every policy has backends and proxies of its
// own. A client whose connection is lost, or comes about later than at once, is on
// its own from there. Controllers are those of the simulation. What HAProxy, Envoy
// and trimtab do themselves is left to them: trimtab is told in its configuration
// how to shed, and ordered to drain who is about to restart. Connections that end
// while their backend is there are those that it closed.
//
// Not applicable, for want of a way to have it for real, are trimtabs whose view of
// the proxies is old, and several before one Envoy. Behind Envoy, of which nobody can
// close some connections of one backend, trimtab steers and sheds nothing.
//
// A result does not count when the generator or the backends' emulation was late,
// or connections were: then it says so, and why. Results are for
// [simulate.Summarize]'s readers.
//
// It is not for more connections than this process may have open files for, two
// for each, and not for measuring how much a proxy can take.
package realrun
