package xds

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/trimtab-lb/trimtab/xds/discovery"
	"github.com/trimtab-lb/trimtab/xds/loadstats"
	"github.com/trimtab-lb/trimtab/xds/resource"
)

// firstPlans is how long endpoints wait for those of other targets.
const firstPlans = 3 * time.Second

// catalog is what is served of all targets.
type catalog struct {
	targets []*Target
	// since is when they were first served, open that endpoints are published.
	since time.Time
	open  bool
	// endpoints are the newest of every target.
	endpoints map[*Target][]byte
	// taps are by pool.
	taps map[string]*tap
	// published are clusters, listeners and routes, by view, type and name.
	published map[string]map[string]map[string][]byte
}

func newCatalog() catalog {
	return catalog{endpoints: map[*Target][]byte{}, taps: map[string]*tap{}, published: map[string]map[string]map[string][]byte{}}
}

// Serve publishes the clusters, listeners and routes of these targets, and takes
// back those of all others. A client is told at once, so that it is called with
// everything that a configuration has.
func (s *Server) Serve(targets []*Target) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since.IsZero() {
		s.since = time.Now()
	}
	now := map[string]map[string]map[string][]byte{}
	for _, view := range []string{viewEnvoy, viewGRPC} {
		now[view] = map[string]map[string][]byte{resource.ClusterType: {}, resource.ListenerType: {}, resource.RouteType: {}}
	}
	for _, t := range targets {
		for _, r := range t.statics {
			now[t.view][r.Type][r.Name] = r.Body
		}
	}
	for _, t := range targets {
		if s.endpoints[t] == nil && t.inherited != nil {
			s.endpoints[t] = t.inherited // its cluster may have changed, and then Envoy waits for them
		}
	}
	var errs []error
	for view, types := range now {
		var changes []discovery.Change
		for _, kind := range []string{resource.ClusterType, resource.ListenerType, resource.RouteType} {
			changes = append(changes, difference(kind, s.published[view][kind], types[kind]))
		}
		if s.open {
			changes = append(changes, s.assignments(view, targets))
		}
		if err := s.discovery.Publish(view, changes...); err != nil {
			errs = append(errs, err)
			continue
		}
		s.published[view] = types
	}
	for _, t := range s.targets {
		if !slices.Contains(targets, t) {
			t.tap.watch(t, nil) // whoever it has missed may be in the pool again
		}
	}
	maps.DeleteFunc(s.endpoints, func(t *Target, _ []byte) bool { return !slices.Contains(targets, t) })
	s.targets = slices.Clone(targets)
	s.remap()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%s: %w", s.Name(), err)
	}
	return nil
}

// assignments says what becomes of the endpoints: those of a cluster that changed
// are sent again, and those of targets that are gone, unless others have taken
// their name, are removed.
func (s *Server) assignments(view string, targets []*Target) discovery.Change {
	change := discovery.Change{TypeURL: resource.AssignmentType}
	stay := map[string]bool{}
	for _, t := range targets {
		if t.view != view {
			continue
		}
		stay[t.name] = true
		if body, ok := s.endpoints[t]; ok {
			change.Changed = append(change.Changed, discovery.Resource{Name: t.name, Body: body, Basis: t.basis})
		}
	}
	for _, t := range s.targets {
		if t.view == view && !stay[t.name] {
			stay[t.name] = true
			change.Removed = append(change.Removed, t.name)
		}
	}
	return change
}

// difference is what has to be published to get from one set to another.
func difference(kind string, before, now map[string][]byte) discovery.Change {
	change := discovery.Change{TypeURL: kind}
	for name, body := range now {
		if !bytes.Equal(body, before[name]) {
			change.Changed = append(change.Changed, discovery.Resource{Name: name, Body: body})
		}
	}
	for name := range before {
		if _, stays := now[name]; !stays {
			change.Removed = append(change.Removed, name)
		}
	}
	return change
}

// publish is for a target's newest endpoints. served is false while they wait for
// those of others.
func (s *Server) publish(t *Target, body []byte) (served bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.targets, t) {
		return false, nil // a reload has taken it away, or is about to serve it
	}
	s.endpoints[t] = body
	if s.open {
		err := s.discovery.Publish(t.view, discovery.Change{
			TypeURL: resource.AssignmentType,
			Changed: []discovery.Resource{{Name: t.name, Body: body, Basis: t.basis}},
		})
		return err == nil, err
	}
	if len(s.endpoints) < len(s.targets) && time.Since(s.since) < firstPlans {
		return false, nil
	}
	var errs []error
	for _, view := range []string{viewEnvoy, viewGRPC} {
		errs = append(errs, s.discovery.Publish(view, s.assignments(view, s.targets)))
	}
	s.open = true
	return true, errors.Join(errs...)
}

// remap tells what the names in load reports stand for.
func (s *Server) remap() {
	mapping := loadstats.Mapping{}
	for _, t := range s.targets {
		c, ok := mapping[t.name]
		if !ok {
			c = loadstats.Cluster{Pool: t.pool, Addresses: map[netip.AddrPort]string{}, SubZones: map[string]string{}}
			mapping[t.name] = c
		}
		for _, e := range t.known() {
			if at, err := netip.ParseAddrPort(e.Address); err == nil {
				c.Addresses[netip.AddrPortFrom(at.Addr().Unmap(), at.Port())] = e.Backend
			}
			if t.view == viewGRPC {
				c.SubZones[e.Backend] = e.Backend
			}
		}
	}
	s.loads.SetMapping(mapping)
}
