// Package haproxy speaks to running HAProxies over their runtime API: it finds
// backends, reads what HAProxy counts, sets weights, and closes connections.
//
//	             ┌────────────────── Session: one connection, in turn ─┐
//	Proxy.Run ───┤ show info, show stat (5/s)                          │ stats
//	 one goroutine  │ view: what HAProxy has, with its time            │ socket
//	             │  ▼                                                  │
//	Backend: Reports ─▶ scorer.Report   Members ─▶ []scorer.Backend    │
//	         Apply ◀── scorer.Plan ──▶ set server … weight, pipelined ─┘
//	             ▲ what old workers still have in flight
//	oldWorkers ──┴── show proc, @!PID show stat (1/s) ──────────────────▶ master socket
//
// [Closer] has connections of its own to both sockets, while it closes.
//
// Between polls Run looks every 100 ms who answers: a worker that a reload has
// put in the place of another one begins with the configured weights, and is
// given the plan's without waiting for the next.
//
// Every reply is checked, every exchange has a deadline, and a connection on
// which anything went wrong is closed and never used again, so that a hung
// HAProxy is an error and never a success.
//
// The client library client-native is used to read HAProxy's configuration
// file, where it is good. Its runtime client is not: it takes a timeout, an
// over-long command and an unknown command for success, dials once for each
// command, and needs 95 MB of garbage for one "show stat" of a thousand
// servers.
//
// The package is not for deciding weights (package scorer) nor for timing
// (package tuner), and never edits a configuration file.
package haproxy
