// Package agentcheck steers HAProxies that offer no admin socket: they ask, by
// their own agent-checks, and are told weights.
//
//	tuner ── plan ──▶ Target.Apply ─▶ answers (atomic) ┐
//	                                                   ▼
//	HAProxy ── "pool/backend\n" ──▶ Server: one line in, one line out
//	        ◀── "75%\n" ───────────────┘ notes what each backend was told
//
// In HAProxy's configuration, for every server:
//
//	server s1 10.0.0.1:80 weight 100 agent-check agent-inter 1s agent-addr 10.0.0.9 agent-port 9901 agent-send "web/s1\n"
//
// The slots of a "server-template" all send the same text, so that they cannot
// be told apart; their server lines have to be written out.
//
// A plan is in force within one agent-inter. All servers of a backend should
// have the same agent-inter, two seconds at most: they are told one by one, and
// between the first and the last of them their weights are of two plans.
//
// What HAProxy makes of the answers, the same from 2.6 to 3.4, with and without
// "check":
//
//   - "75%" is of the weight in the configuration, rounded down to an integer of
//     0 to 256. It changes no state: who was drained, put into maintenance or
//     down by somebody else stays that.
//   - An empty line changes nothing, and neither does a connection that is
//     refused, closed or never answered: the last weight stays for ever. So
//     trimtab's absence leaves everything as it was, and so does a plan that is
//     too old, as nothing is answered from it.
//   - "drain" stays until "ready" is said. "ready" also ends a drain or a
//     maintenance that somebody else began, and is therefore said only where
//     trimtab has said "drain" before, and not by default: see [Drain].
//   - "up" and "down" are never said: the health of a backend is for health
//     checks to find out.
//
// A pulse cannot be timed by somebody who has to wait for being asked: a pool
// whose only targets are these readmits an ejected backend by health requests.
//
// Initial weights cannot be seen by an agent; they are configured here as they
// are there, see [TargetOptions.InitialWeight].
//
// The package is not for deciding weights (package scorer), and reports nothing:
// see haproxy.StatsPage for counts without a socket.
package agentcheck
