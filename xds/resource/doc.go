// Package resource says what trimtab serves over xDS, and encodes it.
//
//	scorer.Plan ─┐
//	endpoints ───┼─▶ Envoy ─▶ exponent, equal-making, integers ─▶ ClusterLoadAssignment
//	departed ────┤      (endpoint weights, DRAINING)                    │
//	             └─▶ GRPC ──▶ integers ─▶ ClusterLoadAssignment          ├─▶ bytes
//	                    (a locality for each endpoint)                   │
//	ClusterConfig, ListenerConfig ─▶ Cluster, Listener, Route ───────────┘
//	BootstrapConfig, SnippetConfig ─▶ YAML for people
//
// A plan's weights are shares of new work. Data planes do not agree on what a
// weight means, so each view sends what makes the shares come true in its data
// plane, and returns the shares that are really in force.
//
// Everything is validated before it leaves: a client that refuses what it is
// served is a bug here. The package does no I/O and reads no clock; one goroutine
// owns an [Envoy] or a [GRPC].
//
// It is not for transport (package discovery), not for load reports (package
// loadstats) and not for resolving names: endpoints have IP addresses.
package resource
