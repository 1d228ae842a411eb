package discovery

import "time"

// snapshot is what a view has at one time. It is immutable; a nil set is one
// that was never published, about which nothing is said.
type snapshot struct {
	sets [kinds]*set
	// staying are clusters and endpoints that were removed a short while ago. They
	// are not in sets; who has them keeps them.
	staying [kinds]*set
	// gradual is the same with what is staying, nil if there is nothing. It is for
	// clients that have not taken the listeners and routes yet.
	gradual *snapshot
}

// linger is how long a client that does not acknowledge its listeners and routes
// is spared the removal of clusters and endpoints at least.
const linger = 15 * time.Second

// retired is something that was removed.
type retired struct {
	kind kind
	item *item
	at   time.Time
}

// body is what a resource consists of that is there or staying.
func (s *snapshot) body(k kind, name string) []byte {
	if i := s.sets[k].find(name); i != nil {
		return i.body
	}
	return s.staying[k].find(name).body
}

// retire brings the list of what was removed up to date with a publication that
// makes next of old.
func (v *view) retire(old, next *snapshot, touched [kinds][]string, now time.Time) {
	var list []retired
	for _, r := range v.retired {
		if next.sets[r.kind].find(r.item.name) == nil && now.Sub(r.at) < linger {
			list = append(list, r)
		}
	}
	for _, k := range []kind{clusters, endpoints} {
		for _, name := range touched[k] {
			if next.sets[k].find(name) == nil {
				list = append(list, retired{k, old.sets[k].find(name), now})
			}
		}
	}
	v.retired, next.gradual = list, nil
	if len(list) == 0 {
		return
	}
	next.gradual = &snapshot{sets: next.sets}
	for _, k := range []kind{clusters, endpoints} {
		var items []*item
		for _, r := range list {
			if r.kind == k {
				items = append(items, r.item)
			}
		}
		next.gradual.staying[k], _ = (*set)(nil).with(items, nil)
	}
}

// keeping is where a client is to go that keeps what it has of the resources that
// are staying. It is to itself if it has none of them.
func keeping(from, to *holding, staying *set, delta bool) *holding {
	if from == nil || staying == nil || len(staying.items) == 0 {
		return to
	}
	kept := false
	goal := merge(from, to, func(old, now *stamp) *stamp {
		if old == nil || old.standing == absent || now != nil && now.standing != absent {
			return now
		}
		i := staying.find(old.name)
		if i == nil {
			return now
		}
		kept = true
		if delta {
			return old
		}
		// What a complete response leaves out is removed, and the body of an older
		// version is not there any more.
		return &stamp{name: i.name, version: i.version}
	})
	if !kept {
		return to
	}
	return goal
}
