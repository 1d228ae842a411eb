// Package web is the admin server: what people, scripts and monitoring ask of a
// running trimtab.
//
//	GET  /                  what there is
//	GET  /api/v1/status     the state of all pools, JSON
//	GET  /metrics           Prometheus metrics
//	GET  /healthz           is it alive: every pool steps      (also /-/healthy)
//	GET  /readyz            does it steer: plans are in force  (also /-/ready)
//	POST /-/reload          read the configuration again
//	GET  /debug/pprof/      profiles
//
// Every answer is read from the pools' immutable snapshots; no request touches
// a pool or a target, so none can slow one down. There is no authentication:
// the server is meant for a loopback address, and is guarded against what a
// browser on the same machine could be made to send it.
//
// The package computes no state of its own (package status) and draws nothing.
package web
