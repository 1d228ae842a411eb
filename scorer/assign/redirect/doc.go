// Package redirect is an HTTP gateway that tells each client which backend to go to,
// and carries nothing else.
//
//	client ── GET /room/7?x=1 ──▶ Server ─▶ Target: assign.Placement picks ws3
//	       ◀── 307, Location: ws://10.0.0.3:8080/room/7?x=1 ──┘
//	client ══ WebSocket ══▶ ws3; when that breaks, the client asks here again
//
// A browser's WebSocket follows no redirect: a page asks for JSON instead (Accept:
// application/json) and connects to the url in the answer.
//
// What a client sends ends up in Location only behind the backend's own address, and
// escaped: it can choose the path and the query, never the host. Answers are not to be
// stored. A target keeps nothing but counts of the last seconds, so that it can be
// restarted at any time; a client that finds it gone tries again.
//
// It speaks TLS where it is given a certificate; behind something that does, see
// [Options.TrustedProxies]. Pages of other sites may ask where [Options.Origins] names
// them.
//
// The package is not for placing (package assign), nor for reading certificates.
package redirect
