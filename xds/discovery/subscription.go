package discovery

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sync"
	"weak"

	"github.com/cespare/xxhash/v2"
)

// wildcardName subscribes to all resources of a type.
const wildcardName = "*"

// subscription is what streams want of one type. All streams of a view that
// want the same share one.
type subscription struct {
	// Read-only after creation.
	wildcard bool
	names    []string // sorted, each once, without "*"
	sum      uint64

	// streams is guarded by the topic's mu.
	streams map[*stream]struct{}

	mu sync.Mutex
	// raw is the encoded list that the first client has sent.
	raw []byte
	// resolved is the result for the two sets asked for last: a stream may be
	// one publication behind while a cluster is in flight.
	resolved [2]resolution
}

// resolution does not keep the set's bodies alive: a subscription that is seldom
// concerned is resolved seldom.
type resolution struct {
	set     weak.Pointer[set]
	holding *holding
}

// newSubscription takes names over: sorted, each once, without "*".
func newSubscription(wildcard bool, names []string) *subscription {
	var digest xxhash.Digest
	digest.Reset()
	for _, name := range names {
		_, _ = digest.Write(binary.AppendUvarint(nil, uint64(len(name)))) // never fails
		_, _ = digest.WriteString(name)
	}
	return &subscription{
		wildcard: wildcard, names: names, sum: digest.Sum64(),
		streams: make(map[*stream]struct{}),
	}
}

func (s *subscription) same(other *subscription) bool {
	return s.wildcard == other.wildcard && slices.Equal(s.names, other.names)
}

// share returns a lasting copy of an encoded list of names. Clients that send
// the same list share it.
func (s *subscription) share(raw []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.raw == nil {
		s.raw = bytes.Clone(raw)
	}
	if bytes.Equal(s.raw, raw) {
		return s.raw
	}
	return bytes.Clone(raw)
}

// concerns is whether one of the names is covered. They are sorted.
func (s *subscription) concerns(names []string) bool {
	if s.wildcard {
		return len(names) > 0
	}
	few, many := names, s.names
	if len(few) > len(many) {
		few, many = many, few
	}
	return slices.ContainsFunc(few, func(name string) bool {
		_, found := slices.BinarySearch(many, name)
		return found
	})
}

// resolve returns what a subscriber shall have of a set.
func (s *subscription) resolve(of *set) *holding {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := weak.Make(of)
	for _, r := range s.resolved {
		if r.set == key {
			return r.holding
		}
	}
	h := newHolding(s.stamps(of))
	s.resolved = [2]resolution{{key, h}, s.resolved[0]}
	return h
}

func (s *subscription) stamps(of *set) []stamp {
	var stamps []stamp
	if s.wildcard {
		stamps = make([]stamp, 0, len(of.items)+len(s.names))
		names := s.names
		missing := func(until func(name string) bool) {
			for ; len(names) > 0 && until(names[0]); names = names[1:] {
				stamps = append(stamps, stamp{name: names[0], standing: absent})
			}
		}
		for _, i := range of.items {
			missing(func(name string) bool { return name < i.name })
			if len(names) > 0 && names[0] == i.name {
				names = names[1:]
			}
			stamps = append(stamps, stamp{name: i.name, version: i.version})
		}
		missing(func(string) bool { return true })
		return stamps
	}
	stamps = make([]stamp, 0, len(s.names))
	for _, name := range s.names {
		if i := of.find(name); i != nil {
			stamps = append(stamps, stamp{name: i.name, version: i.version})
		} else {
			stamps = append(stamps, stamp{name: name, standing: absent})
		}
	}
	return stamps
}
