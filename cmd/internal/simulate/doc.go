// Package simulate judges balancing laws by discrete events: the same requests,
// drawn from a seed, go through a model of a proxy's algorithm to
// processor-sharing backends while a controller moves the weights. It runs
// thousands of times faster than real time and gives the same figures every
// time.
//
//	trace (seed) ───▶ proxy 1..K ──pick by weight──▶ backend: processor sharing,
//	clients (seed) ─▶   ▲   each sees only              cores, speed, neighbour,
//	connect, send,      │   its own in-flight           failures, restarts
//	come back  weights, │                                  │ in-flight, completed,
//	           pulses   │                                  │ failed, latency per proxy
//	                    └──── Controller, once a second ◀──┘ five times a second;
//	                                                         load reports if there are any
//
// Several pools may share the backends: each then has its own proxies, controller
// and traffic, and feels the others only through the cores.
//
// What is judged is a [Policy]: fixed weights, the truth, the law of another
// system ([LawPolicy]), or a real scorer.Pool ([PoolPolicy]) whose plans become
// weights by the very code that serves HAProxy and Envoy.
//
// It is not a proxy: there are no retries, queues in the proxy or network times,
// nobody gives up waiting except on a backend that hangs, weights reach all
// proxies at the same instant, who is down is known at once, everything happens
// at a multiple of [Tick], and utilization is linear in work. What it shows
// should be checked on a real proxy before it is believed.
package simulate
