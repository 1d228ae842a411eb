package resource

import "github.com/trimtab-lb/trimtab/scorer"

// Update is what a view is made from.
type Update struct {
	// Plan is the pool's newest, its decisions sorted by backend. Where it says nothing of an endpoint, the
	// endpoint gets its configured capacity. While it is a dry run, weights and
	// states stay as they were served last.
	Plan scorer.Plan
	// Kind is what the pool serves; anything but connections counts as requests.
	Kind scorer.Kind
	// Endpoints are the pool's members. The slice is kept: it must not be changed.
	Endpoints []Endpoint
	// Departed have left the pool. Those that hold connections, or may, are still
	// served as draining; who holds none may be left out.
	Departed []Departed
}

// Served is what a client is to have from now on.
type Served struct {
	// Body is the encoded ClusterLoadAssignment. It is never changed: when nothing
	// else is to be served it is the very slice that was returned last.
	Body []byte
	// Changed is false when Body is what was returned last.
	Changed bool
	// InForce is what Body comes to where it has been received. Its Origin is left
	// to the caller.
	InForce scorer.InForce
}

// with is p with these decisions instead of its own.
func with(p scorer.Plan, decisions []scorer.Decision) scorer.Plan {
	p.Decisions = decisions
	return p
}
