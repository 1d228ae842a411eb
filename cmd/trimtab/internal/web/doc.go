// Package web is the admin server: what people, scripts and monitoring ask of a
// running trimtab.
//
//	GET  /                  what there is
//	GET  /api/v1/status     the state of all pools, JSON
//	GET  /api/v1/pools/POOL/record?for=60s   what it is told and decides, JSON lines
//	POST /api/v1/reports    load reports that are pushed
//	GET  /metrics           Prometheus metrics
//	GET  /healthz           is it alive: every pool steps      (also /-/healthy)
//	GET  /readyz            does it steer: plans are in force  (also /-/ready)
//	POST /-/reload          read the configuration again
//	GET  /debug/pprof/      profiles
//
// Every answer is read from the pools' immutable snapshots; no request touches
// a pool or a target, so none can slow one down. A recording is taken from a bounded
// buffer, and loses what is not read in time.
//
// Whoever reaches the address may read. Everything else needs a bearer token
// where one is configured, which it must be for an address that is not loopback;
// so do recordings (load reports need the token of their pool, where it has one), and away from loopback profiles, which hold parts of the memory. The server speaks
// no TLS: where a token crosses a network, something that does belongs in front.
// What a reverse proxy on this machine passes on comes from loopback.
// On a loopback address it is guarded against what a browser on the same machine
// could be made to send it.
//
// The package computes no state of its own (package status) and draws nothing.
package web
