// Package load is an open-loop load generator.
//
//	Poisson(seed) ─▶ Trace ─▶ Replay: sender (alarm) ─▶ one goroutine per request ─▶ HTTP
//	Client × n ─▶ Clients: agenda (alarm) ─▶ one goroutine per connection ─▶ WebSocket
//	                            │                          │
//	                            └──── Final ◀──────────────┘ latency from the INTENDED instant
//	RunSockets: WebSocket clients that come at a rate and echo
//
// Requests and messages are sent when they are due, whether or not earlier ones
// have been answered, and their latency counts from that instant: a stall of the
// server, or of the generator, is seen by every request that it held up, where
// a closed loop would politely send fewer.
//
// A generator that was late itself has measured itself. Every result carries
// how late it was, and [Gate] says whether that was too late to count.
//
// It is not for finding a server's largest throughput.
package load
