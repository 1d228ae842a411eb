// Package xds makes Envoys and proxyless gRPC clients follow a pool's plans, and
// takes their load reports.
//
//	tuner ── Plan ──▶ Target ──▶ resource: what makes the plan come true ──┐
//	                                                                      ▼
//	members ─────────▶ Target (who is there, who has left)         discovery: who has what
//	                                                                      │ CDS EDS LDS RDS
//	                                                                      ▼
//	tuner ◀─ Report ── loadstats ◀────────── LRS ──────────────── Envoy, gRPC client
//
// A [Server] is one gRPC listener for all pools. A [Target] is one pool as Envoys,
// or as gRPC clients, know it: each has a view of its own, as the two do not agree
// on what a weight means.
//
// Every stream passes the admission first: it counts them, refuses who may not
// connect, and ends the streams of those who may no longer after a reload
// ([Server.Prepare]). What clients have and what they refuse is told over CSDS.
//
// Nothing is said of endpoints until every target that is served has had its first
// plan: an Envoy that reconnects after a restart keeps what it has until then, and
// is not told that endpoints which are late do not exist.
//
// The package is not for deciding weights (package scorer).
package xds
