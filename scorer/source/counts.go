package source

import (
	"math"

	"github.com/trimtab-lb/trimtab/scorer"
)

// The named metrics by which a backend says what it has open, as ORCA has no field for
// that: requests in progress, and long-lived connections, which are no requests.
const (
	namedInFlight    = "in_flight"
	namedConnections = "connections"
)

// countOpen takes what a backend has open from its named metrics. Where a proxy counts,
// that is not looked at.
func countOpen(r *scorer.Report) {
	for _, name := range []string{namedInFlight, namedConnections} {
		v, ok := r.Named[name]
		switch {
		case !ok:
		case math.IsNaN(r.InFlight):
			r.InFlight = v
		default:
			r.InFlight += v
		}
	}
}
