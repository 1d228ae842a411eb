// Package report is what a backend imports to be measured and to be asked to
// shed connections.
//
//	requests ──▶ Middleware ─┐                       ┌▶ Endpoints: GET /load (JSON)
//	sockets ───▶ Connection ─┼▶ Reporter ─ Load() ───┼▶ response header endpoint-load-metrics
//	usage.Reader (CPU, mem) ─┤        ▲              ├▶ AgentCheck: "75%" for HAProxy
//	SetUtilization, SetNamed ┘        │ Shed         └▶ package orca: gRPC, out of band and in trailers
//	                                  └── Endpoints: POST /shed
//
// A server over HTTP needs this much:
//
//	reporter, err := report.New(report.Options{})
//	…
//	defer reporter.Close()
//	service := http.Server{Addr: ":8080", Handler: reporter.Middleware(handler)}
//	private := http.Server{Addr: ":9001", Handler: report.Endpoints{Load: reporter}.Handler()}
//
// and one that holds WebSockets says how each of them is told to go:
//
//	socket, err := websocket.Accept(w, r, nil)
//	…
//	reporter.Connection(w, report.CloseWebSocket(socket, report.ServiceRestart))
//
// A request is in flight until it is answered. A connection that was taken over
// (http.Hijacker) or declared by [Reporter.Connection] is no request any more but
// a connection, open until it is closed.
//
// CPU, memory and rates are moving averages: what is t old counts e^(-t/Window)
// as much as what is new. Counts of what is open are of the moment. All named
// metrics:
//
//   - in_flight: requests in progress
//   - connections: long-lived connections open now
//   - connection_cost, connection_cost_max: of all and of the dearest, where
//     [Connection.SetCost] was called
//   - draining: 1 while the backend wants no new work
//   - the application's own, by [Reporter.SetNamed]
//
// The package is not for deciding how busy is too busy (package scorer), nor for
// metrics over time: it keeps no history.
package report
