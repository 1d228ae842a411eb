package haproxy

import (
	"slices"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// view is what HAProxy had of one backend at one poll. It is immutable.
type view struct {
	at time.Time
	// generation counts HAProxy's processes: after a reload nothing that was
	// set before is there any more.
	generation int
	algorithm  scorer.Algorithm
	servers    []server
	index      map[string]int
	// ramps is that HAProxy's slowstart is raising some server's weight.
	ramps bool
}

// server is what HAProxy has of one server.
type server struct {
	name, address string
	status        string
	// weight is the weight that was set last, initial the configured one.
	weight, initial int
	agent           bool
}

func (v *view) server(name string) (server, bool) {
	i, ok := v.index[name]
	if !ok {
		return server{}, false
	}
	return v.servers[i], true
}

func (v *view) has(name string) bool {
	_, ok := v.index[name]
	return ok
}

// sameMembers says whether two views are the same to a pool.
func sameMembers(a, b *view) bool {
	return slices.EqualFunc(a.servers, b.servers, func(s, t server) bool {
		return s.name == t.name && s.address == t.address && s.initial == t.initial &&
			(s.status == t.status || s.condition() == t.condition())
	})
}

// sameNames says whether two views have the same servers in the same order, so
// that one index serves both.
func sameNames(a, b []server) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].name != b[i].name {
			return false
		}
	}
	return true
}

// sameMachines says whether two views have the same servers at the same
// addresses.
func sameMachines(a, b []server) bool {
	return slices.EqualFunc(a, b, func(s, t server) bool { return s.name == t.name && s.address == t.address })
}

// condition is what HAProxy's status means for a pool: "UP", "UP 1/3", "no
// check" take work; "DRAIN" and "NOLB" finish what they have; "DOWN", "MAINT",
// "STOPPED" are out.
func (s server) condition() scorer.Condition {
	switch {
	case strings.HasPrefix(s.status, "UP"), s.status == "no check", s.status == "OPEN":
		if s.initial == 0 && s.weight == 0 {
			return scorer.Draining // configured to take nothing
		}
		return scorer.Up
	case strings.HasPrefix(s.status, "DRAIN"), strings.HasPrefix(s.status, "NOLB"):
		return scorer.Draining
	default:
		return scorer.Down
	}
}

// maintained says whether the server is in maintenance, by hand or because its
// name is not resolved.
func (s server) maintained() bool { return strings.HasPrefix(s.status, "MAINT") }

// comesBack says whether a server was in maintenance and is not any more.
func comesBack(before, now *view) bool {
	if len(before.servers) > 0 && len(now.servers) > 0 && &before.servers[0] == &now.servers[0] {
		return false // the same ones, as nearly always
	}
	return slices.ContainsFunc(before.servers, func(s server) bool {
		if !s.maintained() {
			return false
		}
		back, ok := now.server(s.name)
		return ok && !back.maintained()
	})
}

func (s server) backend() scorer.Backend {
	return scorer.Backend{
		Name: s.name, Address: s.address,
		Capacity: float64(s.initial), Condition: s.condition(),
	}
}
