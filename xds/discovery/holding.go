package discovery

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// standing is what a client and the server agree on about a name.
type standing byte

const (
	// present: the client has the stamp's version.
	present standing = iota
	// absent: the client knows that there is no such resource.
	absent
	// doubtful: the client has some version, or wants to be told anew.
	doubtful
)

// stamp is what is known of one name. It does not keep the body alive.
type stamp struct {
	name     string
	version  uint64 // if present
	standing standing
}

// holding is what a client has, or what it shall have, of one type. It is
// immutable, and shared by all clients that have the same.
type holding struct {
	stamps []stamp // by name
	// version is a hash of the names and versions that are present.
	version string
	// sum tells holdings apart: two with the same sum are the same.
	sum uint64
}

func newHolding(stamps []stamp) *holding {
	var versions, all xxhash.Digest
	versions.Reset()
	all.Reset()
	var buffer []byte
	for _, s := range stamps {
		buffer = binary.AppendUvarint(buffer[:0], uint64(len(s.name)))
		buffer = append(buffer, s.name...)
		buffer = binary.BigEndian.AppendUint64(buffer, s.version)
		if s.standing == present {
			_, _ = versions.Write(buffer) // never fails
		}
		_, _ = all.Write(append(buffer, byte(s.standing)))
	}
	return &holding{stamps: stamps, version: formatVersion(versions.Sum64()), sum: all.Sum64()}
}

// keep returns the holding without the stamps that edit refuses, and with those
// that it alters. If nothing differs it is the same holding.
func (h *holding) keep(edit func(stamp) (stamp, bool)) *holding {
	if h == nil {
		return nil
	}
	kept := make([]stamp, 0, len(h.stamps))
	same := true
	for _, old := range h.stamps {
		s, ok := edit(old)
		same = same && ok && s == old
		if ok {
			kept = append(kept, s)
		}
	}
	if same {
		return h
	}
	return newHolding(kept)
}

// within drops what a subscription does not cover.
func (h *holding) within(sub *subscription) *holding {
	return h.keep(func(s stamp) (stamp, bool) {
		_, named := slices.BinarySearch(sub.names, s.name)
		return s, named || sub.wildcard && s.standing != absent
	})
}

// doubting makes everything that is chosen be told anew, whether it is there or not.
func (h *holding) doubting(chosen func(name string) bool) *holding {
	return h.keep(func(s stamp) (stamp, bool) {
		if !chosen(s.name) {
			return s, true
		}
		return stamp{name: s.name, standing: doubtful}, s.standing != absent
	})
}

// unsure is the holding of a client that may have taken the new versions of these
// names or may not. They are sorted; h may be nil.
func (h *holding) unsure(names []string) *holding {
	stamps := make([]stamp, len(names))
	for n, name := range names {
		stamps[n] = stamp{name: name, standing: doubtful}
	}
	return merge(h, &holding{stamps: stamps}, func(old, now *stamp) *stamp {
		if now != nil {
			return now
		}
		return old
	})
}

// find returns what is known of a name; without anything that is that it is absent.
func (h *holding) find(name string) stamp {
	if h != nil {
		at, found := slices.BinarySearchFunc(h.stamps, name, func(s stamp, name string) int {
			return strings.Compare(s.name, name)
		})
		if found {
			return h.stamps[at]
		}
	}
	return stamp{name: name, standing: absent}
}

// claimed is the holding of a client that says itself which versions it has.
func claimed(versions []claim) *holding {
	stamps := make([]stamp, 0, len(versions))
	for _, c := range slices.Backward(versions) { // the last one of a name counts
		s := stamp{name: c.name, standing: doubtful}
		if version, ok := parseVersion(c.version); ok {
			s = stamp{name: c.name, version: version, standing: present}
		}
		stamps = append(stamps, s)
	}
	slices.SortStableFunc(stamps, func(a, b stamp) int { return strings.Compare(a.name, b.name) })
	return newHolding(slices.CompactFunc(stamps, func(a, b stamp) bool { return a.name == b.name }))
}
