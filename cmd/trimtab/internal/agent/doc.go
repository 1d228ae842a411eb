// Package agent reports the load of a backend that cannot report its own: it
// runs beside it, whatever language that is written in.
//
//	cgroup, process or machine ─▶ report.Reporter ─┐
//	/proc/net/tcp: a port's connections ───────────┼─▶ Agent.Load ─▶ ORCA, HTTP, agent-check
//	the application's Prometheus metrics ──────────┘
//	POST /shed ─▶ forwarder ─▶ the application's own hook
//
// The servers and the forms are those of package report. The package is not for
// changing anything of the backend: it passes on requests to shed connections and
// closes none.
package agent
