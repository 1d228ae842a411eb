// Package simulate judges balancing laws by discrete events: the same requests,
// drawn from a seed, go through a model of a proxy's algorithm to
// processor-sharing backends while a controller moves the weights. It runs
// thousands of times faster than real time and gives the same figures every
// time.
//
//	trace (seed) ──▶ proxy 1..K ──pick by weight──▶ backend: processor sharing,
//	                   ▲   each sees only              cores, speed, neighbour
//	                   │   its own in-flight              │
//	          weights, │                                  │ in-flight, completed,
//	          pulses   │                                  │ failed, latency per proxy
//	                   └──── Controller, once a second ◀──┘ five times a second;
//	                                                        utilization if reported
//
// It is not a proxy: there are no timeouts, retries, queues in the proxy or
// network times, weights reach all proxies at the same instant, and utilization
// is linear in work. What it shows should be checked on a real proxy before it
// is believed.
package simulate
