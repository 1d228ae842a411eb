package scorer

import (
	"math"
	"time"
)

// Report is what one reporter knows of one backend at one moment. A signal
// that the reporter does not have is NaN, never 0: 0 is a measurement.
//
// Several reporters may speak of one backend: its own load report, and every
// proxy in front of it. [Pool.Observe] merges them signal by signal: the
// counts of proxies add up, a backend's own word is taken for what only it can
// know, and for counts only while no proxy reports any.
type Report struct {
	// Backend is the backend's name in its pool.
	Backend string
	// At is when the signals were read.
	At time.Time
	// Interval is what RPS, EPS and Upgrades were counted over; 0 means that
	// they are rates of a moment.
	Interval time.Duration
	// Origin names the reporter, for example "orca" or
	// "haproxy:/run/haproxy/admin.sock#ws". Reports of one origin about one
	// backend replace each other.
	Origin string
	// ByProxy is true when the reporter is a proxy that sees a part of the
	// backend's work, so that its counts add up with other proxies' counts.
	ByProxy bool

	// Utilization is the share of the backend's capacity in use: 1 is full,
	// more than 1 is possible. It is the application's own idea of its load
	// where it has one; without it, CPU is taken.
	Utilization float64
	// CPU and Memory are shares of the machine's or the container's, 0 to 1
	// and above.
	CPU, Memory float64
	// RPS is the work completed per second, failed work included. EPS is the
	// failed part of it.
	RPS, EPS float64
	// Upgrades is the connections per second that became long-lived streams
	// (WebSocket, CONNECT, anything opaque to the proxy). They are a part of
	// the work that says nothing of the backend's speed.
	Upgrades float64
	// InFlight is how many requests or connections are open now, those that
	// wait in a proxy's queue for this backend included.
	InFlight float64
	// Limit is how much the reporter lets be in flight on the backend at a time
	// (HAProxy's "maxconn" of a server); absent where it has no such limit.
	Limit float64
	// Latency is the mean response time in seconds.
	Latency float64
	// Named holds further metrics under the reporter's names (ORCA's
	// named_metrics). The map belongs to the pool after Observe.
	Named map[string]float64
}

// NewReport returns a report of which every signal is absent.
func NewReport(backend, origin string, at time.Time) Report {
	nan := math.NaN()
	return Report{
		Backend: backend, Origin: origin, At: at,
		Utilization: nan, CPU: nan, Memory: nan,
		RPS: nan, EPS: nan, Upgrades: nan, InFlight: nan, Limit: nan, Latency: nan,
	}
}
