// Package loadstats is the server of the Load Reporting Service (LRS): Envoys
// and proxyless gRPC clients say how many requests each backend has in
// progress and how many it has finished, and the package makes load reports of
// that.
//
//	Envoy edge-1 ─ LRS ─▶ stream: skip node, decode ─▶ counts by backend ─┐ origin lrs:edge-1
//	Envoy edge-2 ─ LRS ─▶ stream                                          ├─▶ newest of each
//	gRPC client  ─ LRS ─▶ stream (by locality) ── origin lrs-grpc:client ─┘   origin, by pool
//	                        ▲ Mapping: cluster → pool,                           │
//	                          address or sub-zone → backend     Reports(pool) ◀──┘
//
// Every report repeats the node, some 61 kB from an Envoy. It is read once per
// stream and skipped in all others, which needs a gRPC codec that hands a
// message over as it came: see [BufferUnmarshaler]. It also needs room to come in
// at once: see [ServerOptions].
//
// # What is counted
//
// A backend that a data plane has nothing to say of is left out by it, so for
// every cluster that a report lists, a backend that is absent counts as zero. So
// does a cluster that a gRPC client has listed before and leaves out; Envoy lists
// idle clusters, and one that it leaves out is gone. A cluster's first listing on
// a stream counts for nothing: where the cluster has just come up, its period is
// not complete. Time is that of receipt, and only
// lengths of time are taken from the data plane, so its clock does not matter.
//
// An upgraded connection (WebSocket) is one success when it opens and in
// progress until it closes. How many of the successes are upgrades LRS does not
// tell, so Report.Upgrades is absent but for TCP, where all work is opaque.
// Latency is not told either.
//
// When a stream ends, nothing is reported of its origin any more and nothing is
// taken back: the sockets of a data plane outlive its stream, and a pool counts
// an origin's last words until they are stale. A data plane that comes back
// before that goes on under the same origin.
//
// Two things LRS is blind to. An endpoint that was removed from EDS vanishes
// from reports although its sockets may be open. And when CDS changes a
// cluster, Envoy begins to count at zero; sockets from before are never counted
// again.
//
// The package is not for deciding weights (package scorer) and serves no other
// xDS service.
package loadstats
