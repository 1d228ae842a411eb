// Package backend emulates servers of a known strength without burning any
// processor time, so that a small machine can stand in for a farm.
//
//	request (X-Demand: 0.020) ─▶ faults ─▶ queue: c cores shared by n jobs ─▶ X-Wait, distance ─▶ reply
//	WebSocket message {"id":1,"demand":0.02} ─▶ │                                                   ─▶ answer
//	                                            └▶ /load (JSON, ORCA's names), /metrics
//
// A backend is a processor-sharing queue in real time: n requests in progress
// on c cores each advance at min(1, c/n) of the speed. The queue steps along
// the exact instants at which requests end, so that a late timer delays one
// reply's departure and nothing that comes after it.
//
// How much work a request is comes with the request. Whoever replays the same
// trace twice gives the backends the same work twice.
//
// Faults are what a person sets on a backend, a [Condition] is what a scenario
// makes of it over time; what it reports of its load can be made up, too.
//
// It is not for measuring servers, nor for what contention on a real processor
// does beyond sharing it.
package backend
