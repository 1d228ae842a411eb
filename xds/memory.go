package xds

import (
	"slices"
	"time"

	"github.com/trimtab-lb/trimtab/xds/resource"
)

// Memory is what a target knows that the next trimtab can use. It is plain data.
type Memory struct {
	// At is when it was noted.
	At time.Time `json:"at"`
	// Served is what clients have.
	Served resource.Memory `json:"served"`
	// Members are in the pool, Departed have left it and may hold connections.
	Members  []MemberMemory `json:"members"`
	Departed []MemberMemory `json:"departed,omitempty"`
}

// MemberMemory is one backend in a [Memory].
type MemberMemory struct {
	Backend  string  `json:"backend"`
	Address  string  `json:"address"`
	Capacity float64 `json:"capacity,omitempty"`
}

// Memory notes what the target knows now, false before it has served anything. It
// may be called at any time.
func (t *Target) Memory() (Memory, bool) {
	t.serving.Lock()
	known := t.remember
	served := t.served.Memory()
	t.serving.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if !known || !t.joined {
		return Memory{}, false
	}
	m := Memory{At: time.Now(), Served: served}
	for _, e := range t.members {
		m.Members = append(m.Members, MemberMemory{e.Backend, e.Address, e.Capacity})
	}
	for _, d := range t.departed.list {
		m.Departed = append(m.Departed, MemberMemory{d.Backend, d.Address, d.Capacity})
	}
	return m, true
}

// Recall goes on from what a predecessor has noted. It is called before the first
// SetBackends and Apply, and does nothing for a target that has succeeded another
// ([Target.Succeed]).
func (t *Target) Recall(m Memory) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.remember || t.joined {
		return
	}
	t.served.Recall(m.Served)
	t.remember = true
	now := time.Now()
	if now.Sub(m.At) > unknownFor {
		return // nobody is left that holds connections of that time
	}
	// Who has left since then shows when the members are known.
	t.members = remembered(m.Members)
	for _, e := range remembered(m.Departed) {
		t.departed.list = append(t.departed.list, departure{Endpoint: e, since: now})
	}
}

func remembered(list []MemberMemory) []resource.Endpoint {
	var out []resource.Endpoint
	for _, m := range list {
		e := resource.Endpoint{Backend: m.Backend, Address: m.Address, Capacity: m.Capacity}
		known := slices.ContainsFunc(out, func(o resource.Endpoint) bool { return o.Backend == e.Backend || o.Address == e.Address })
		if m.Backend != "" && e.Valid() == nil && !known {
			out = append(out, e)
		}
	}
	return out
}
