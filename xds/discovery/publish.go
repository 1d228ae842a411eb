package discovery

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// ErrInvalid is a publication that cannot be served as it is.
var ErrInvalid = errors.New("invalid publication")

const maxNameBytes = 1024

// Publish changes what a view has and wakes the clients that are concerned. It
// does not wait for them. All changes take effect together and in an order that
// breaks nothing: on an aggregated stream clusters go before endpoints, listeners
// and routes, which wait until a client has taken clusters that are new to it; and
// clusters and endpoints that are removed go when it has taken the listeners and
// routes that may have been the last to use them.
//
// A type is served from the first publication that mentions it, even one without
// resources, so that publication must be complete: to a client, a cluster that
// is missing is one that was removed.
//
// After an error, which is an [ErrInvalid], nothing has changed. Publish may be
// called by several goroutines; the publications then happen one after the other.
func (s *Server) Publish(viewName string, changes ...Change) error {
	items, err := checked(changes)
	if err != nil {
		return fmt.Errorf("xds: publish to view %q: %w", viewName, err)
	}
	s.publishing.Lock()
	defer s.publishing.Unlock()
	v := s.view(viewName)
	old := v.snapshot.Load()
	next := snapshot{sets: old.sets}
	var touched [kinds][]string
	for n, change := range changes {
		k, _ := kindOf(change.TypeURL)
		next.sets[k], touched[k] = old.sets[k].with(items[n], change.Removed)
	}
	if next.sets == old.sets {
		return nil
	}
	v.retire(old, &next, touched, time.Now())
	v.snapshot.Store(&next)
	for k, t := range v.topics {
		first := old.sets[k] == nil && next.sets[k] != nil
		if first || len(touched[k]) > 0 {
			t.wake(first, touched[k])
		}
	}
	return nil
}

func checked(changes []Change) ([][]*item, error) {
	items := make([][]*item, len(changes))
	types := make(map[string]bool, len(changes))
	for n, change := range changes {
		if _, known := kindOf(change.TypeURL); !known {
			return nil, fmt.Errorf("type %q is not served: %w", change.TypeURL, ErrInvalid)
		}
		if types[change.TypeURL] {
			return nil, fmt.Errorf("type %q is there twice: %w", change.TypeURL, ErrInvalid)
		}
		types[change.TypeURL] = true
		seen := make(map[string]bool, len(change.Changed)+len(change.Removed))
		check := func(name string) error {
			if err := checkName(name); err != nil {
				return fmt.Errorf("%s: %w", change.TypeURL, err)
			}
			if seen[name] {
				return fmt.Errorf("%s: name %q is there twice: %w", change.TypeURL, name, ErrInvalid)
			}
			seen[name] = true
			return nil
		}
		for _, r := range change.Changed {
			if err := check(r.Name); err != nil {
				return nil, err
			}
			items[n] = append(items[n], newItem(r))
		}
		for _, name := range change.Removed {
			if err := check(name); err != nil {
				return nil, err
			}
		}
	}
	return items, nil
}

func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("a name is empty: %w", ErrInvalid)
	case name == wildcardName:
		return fmt.Errorf("name %q means all names: %w", name, ErrInvalid)
	case len(name) > maxNameBytes:
		return fmt.Errorf("name %.40q… has %d bytes, at most %d are allowed: %w", name, len(name), maxNameBytes, ErrInvalid)
	case !utf8.ValidString(name):
		return fmt.Errorf("name %q is not valid UTF-8: %w", name, ErrInvalid)
	}
	return nil
}
