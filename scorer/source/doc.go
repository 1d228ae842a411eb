// Package source collects load reports, a file for each way.
//
//	            ┌─ poll ws1 ──▶ GET http://10.0.0.1:8080/load ─┐
//	SetBackends ┤  poll ws2 ──▶ …                              ├▶ decode ▶ check ▶ out
//	            └─ poll ws3 ──▶ …                              ┘
//
// [HTTP] reads ORCA's load report in any of its forms, [Prometheus] the text
// format of a metrics page; [ORCA] keeps a gRPC stream open to each backend, over
// which the backend pushes. All implement tuner.Source for one pool. Each
// backend has its own goroutine with its own timeout, so a slow one delays nobody
// but itself; how many polls are open at once is bounded.
//
// What a backend claims is checked before it counts: a value that is not
// finite, is negative or looks like a percentage is left out of the report, and
// the rest is kept. A poll or a stream that failed sends nothing, and it is the
// pool that decides what a backend of unknown load is worth.
//
// The package is not for what proxies count (packages haproxy and xds).
package source
