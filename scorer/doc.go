// Package scorer decides how much new work each backend of a pool should get.
//
// It is the pure part of trimtab: reports go in, a plan comes out. It opens no
// socket, starts no goroutine, reads no clock and writes no log; the time is a
// parameter. Whoever owns a [Pool] calls it from one goroutine.
//
//	Report ──▶ Pool.Observe ─┐  merged per backend, signal by signal
//	Backend ─▶ SetBackends ──┤
//	InForce ─▶ Pool.Applied ─┤  what the proxies really have
//	                         ▼
//	        Pool.Step(now) = law ─▶ guards ─▶ deadband ─▶ Plan
//	                                                       │
//	        Rounder (one per target): exponent, equal-making, integers
//
// A [Law] turns observations into shares; it knows nothing of failures, of
// steps or of integers. The guards around it, a file each, keep any law
// harmless: stale, errors (ejection), slow start, limits (step, floor,
// ceiling), panic and deadband. A [Rounder] turns the plan's shares into what
// one data plane understands.
//
// Weights steer new work only. Of long-lived connections a plan also says how many
// are to be asked to reconnect ([Decision].Shed): where a backend has more than its
// goal and nothing else will mend it soon ([Shedding]), or where it is drained over
// some time ([Drain]). Whoever closes them tells [Pool.Closed].
//
// The package is not for collecting reports (packages source, haproxy, xds),
// nor for talking to proxies, nor for timing (package tuner).
package scorer
