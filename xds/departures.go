package xds

import (
	"math"
	"slices"
	"time"

	"github.com/trimtab-lb/trimtab/xds/resource"
)

const (
	// goneAfter is how long a backend that has left must have held nothing: a
	// report that was on its way may tell of the time before.
	goneAfter = 2 * time.Second
	// unknownFor is how long one is kept of which nobody reports.
	unknownFor = time.Hour
	// maxDeparted bounds those that are kept; the oldest go first.
	maxDeparted = 1000
)

// departures are the backends that have left a pool and may hold connections:
// an Envoy that is no longer told of an endpoint forgets its open connections for
// good, though the endpoint may come back.
type departures struct{ list []departure }

type departure struct {
	resource.Endpoint
	since time.Time
	// empty is since when it has held nothing, zero while it does.
	empty time.Time
}

// note takes in a change of the members.
func (d *departures) note(before, now []resource.Endpoint, at time.Time) {
	// Who has a name or an address now counts for it, whoever had it before.
	here := map[string]bool{}
	for _, e := range now {
		here[e.Address], here[e.Backend] = true, true
	}
	d.list = slices.DeleteFunc(d.list, func(x departure) bool { return here[x.Address] || here[x.Backend] })
	for _, e := range before {
		if !here[e.Address] && !here[e.Backend] {
			d.list = append(d.list, departure{Endpoint: e, since: at})
		}
	}
	if excess := len(d.list) - maxDeparted; excess > 0 {
		d.list = slices.Delete(d.list, 0, excess)
	}
}

// current are those that may still hold connections. inFlight is what is known of
// a backend, NaN for nothing.
func (d *departures) current(inFlight func(backend string, now time.Time) float64, now time.Time) []resource.Departed {
	d.list = slices.DeleteFunc(d.list, func(x departure) bool {
		return !x.empty.IsZero() && now.Sub(x.empty) >= goneAfter || now.Sub(x.since) >= unknownFor && math.IsNaN(inFlight(x.Backend, now))
	})
	var out []resource.Departed
	for i := range d.list {
		x := &d.list[i]
		held := inFlight(x.Backend, now)
		switch {
		case held > 0 || math.IsNaN(held):
			x.empty = time.Time{}
		case x.empty.IsZero():
			x.empty = now
		}
		// Until it is sure that it holds nothing, it counts as holding something.
		if held == 0 {
			held = math.NaN()
		}
		out = append(out, resource.Departed{Endpoint: x.Endpoint, InFlight: held})
	}
	return out
}

func (d *departures) names() []string {
	out := make([]string, len(d.list))
	for i := range d.list {
		out[i] = d.list[i].Backend
	}
	return out
}
