package discovery

import (
	"slices"
	"strings"
)

// set is all resources of one type in one view. It is immutable.
type set struct {
	items []*item // by name
}

func byName(a, b *item) int { return strings.Compare(a.name, b.name) }

func (s *set) find(name string) *item {
	at, found := slices.BinarySearchFunc(s.items, name, func(i *item, name string) int {
		return strings.Compare(i.name, name)
	})
	if !found {
		return nil
	}
	return s.items[at]
}

// with returns the set after a change and the sorted names of what is really
// different in it. A nil set is one that was never published.
func (s *set) with(changed []*item, removed []string) (*set, []string) {
	if s == nil {
		s = &set{}
	}
	var fresh []*item
	var touched []string
	for _, i := range changed {
		if old := s.find(i.name); old == nil || old.version != i.version {
			fresh = append(fresh, i)
			touched = append(touched, i.name)
		}
	}
	for _, name := range removed {
		if s.find(name) != nil {
			touched = append(touched, name)
		}
	}
	if len(touched) == 0 {
		return s, nil
	}
	slices.Sort(touched)
	slices.SortFunc(fresh, byName)
	next := make([]*item, 0, len(s.items)+len(fresh))
	for _, old := range s.items {
		for len(fresh) > 0 && fresh[0].name < old.name {
			next, fresh = append(next, fresh[0]), fresh[1:]
		}
		if _, gone := slices.BinarySearch(touched, old.name); !gone {
			next = append(next, old)
		} else if len(fresh) > 0 && fresh[0].name == old.name {
			next, fresh = append(next, fresh[0]), fresh[1:]
		}
	}
	return &set{items: append(next, fresh...)}, touched
}
