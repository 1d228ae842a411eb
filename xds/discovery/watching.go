package discovery

import (
	"maps"
	"slices"
	"time"
)

// Watch is how one stream stands with one resource that it asks for.
type Watch struct {
	// Node is the client's id, Peer its address.
	Node, Peer string
	// Due is whether the client has yet to take what is published of the resource,
	// and has not rejected that.
	Due bool
	// Rejected is why it does not have what is published: the NACK of that version,
	// or of a response with it in which the culprit is still being looked for. It is
	// nil if nothing of the sort has happened.
	Rejected *Rejection
	// Requested is when the last request for the type came.
	Requested time.Time
	// Unanswered is when the response was sent that the client has neither
	// acknowledged nor rejected yet; zero if there is none. Nothing more of the type
	// is sent before it does.
	Unanswered time.Time

	version uint64
	has     bool
}

// Acked is the version of the resource that the client has, "" if it has none.
func (w Watch) Acked() string {
	if !w.has {
		return ""
	}
	return formatVersion(w.version)
}

// Watching lists the streams of a view that ask for a resource, by its name or for
// all of the type, whether the resource exists or not; in no particular order, and
// without those of observers.
func (s *Server) Watching(viewName, typeURL, name string) []Watch {
	var list []Watch
	s.eachWatching(viewName, typeURL, name, func(w Watch) bool {
		list = append(list, w)
		return true
	})
	return list
}

// Lagging lists those of [Server.Watching] that do not have what is published, with
// how many there are in all. It is cheap while there are none.
func (s *Server) Lagging(viewName, typeURL, name string) (list []Watch, of int) {
	s.eachWatching(viewName, typeURL, name, func(w Watch) bool {
		of++
		if w.Due || w.Rejected != nil {
			list = append(list, w)
		}
		return true
	})
	return list, of
}

// Watched is whether [Server.Watching] has any.
func (s *Server) Watched(viewName, typeURL, name string) bool {
	found := false
	s.eachWatching(viewName, typeURL, name, func(Watch) bool {
		found = true
		return false
	})
	return found
}

func (s *Server) eachWatching(viewName, typeURL, name string, yield func(Watch) bool) {
	k, known := kindOf(typeURL)
	if !known {
		return
	}
	v := s.view(viewName)
	latest := v.snapshot.Load()
	for sub, streams := range v.topics[k].subscribers(name) {
		var to *holding
		if latest.sets[k] != nil {
			to = sub.resolve(latest.sets[k])
		}
		shall := to.find(name)
		for _, str := range streams {
			if w, ok := str.watching(k, shall, to); ok && !yield(w) {
				return
			}
		}
	}
}

func (t *topic) subscribers(name string) map[*subscription][]*stream {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make(map[*subscription][]*stream, len(t.subscriptions))
	for _, same := range t.subscriptions {
		for _, sub := range same {
			if sub.concerns([]string{name}) {
				list[sub] = slices.AppendSeq(make([]*stream, 0, len(sub.streams)), maps.Keys(sub.streams))
			}
		}
	}
	return list
}

// watching is false for a stream that has given the name up meanwhile. The stamp
// is what the client shall have of the name, to all that it shall have: nil if that
// is not known yet.
func (s *stream) watching(k kind, shall stamp, to *holding) (Watch, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.watches[k]
	if w == nil || s.client.observer {
		return Watch{}, false
	}
	out := Watch{Node: s.client.id, Peer: s.client.peer, Requested: w.status.Requested}
	if w.inFlight != nil {
		out.Unanswered = w.sentAt
	}
	if to != nil && w.held != nil && w.held.sum == to.sum {
		out.version, out.has = shall.version, shall.standing == present
		return out, true
	}
	if !w.sub.concerns([]string{shall.name}) {
		return Watch{}, false
	}
	has := w.held.find(shall.name)
	out.version, out.has = has.version, has.standing == present
	if to == nil || w.held != nil && has == shall {
		return out, true
	}
	out.Rejected = w.refused(shall, to)
	// What was rejected alone is not sent again; nor can a state of the world say
	// that endpoints or routes are gone.
	unspeakable := shall.standing == absent && !w.delta && !k.root()
	out.Due = !unspeakable && !w.refusals.parks(shall, to)
	return out, true
}

// Unknown is a name that does not exist.
type Unknown struct {
	// Name is what Node asks for, the first one by id if there are several.
	Name, Node string
}

// Unknown lists names that clients of a view ask for although nothing of that name
// is published: the first of them in order, at most limit. Observers do not
// count. Before the first publication of the type there are none.
func (s *Server) Unknown(viewName, typeURL string, limit int) []Unknown {
	k, known := kindOf(typeURL)
	if !known {
		return nil
	}
	v := s.view(viewName)
	of := v.snapshot.Load().sets[k]
	if of == nil {
		return nil
	}
	nodes := map[string]string{}
	for _, lack := range v.topics[k].lacking(of, limit) {
		node := ""
		for _, str := range lack.streams {
			if c := str.who(); !c.observer && (node == "" || c.id < node) {
				node = c.id
			}
		}
		for _, name := range lack.names {
			if known, ok := nodes[name]; node != "" && (!ok || node < known) {
				nodes[name] = node
			}
		}
	}
	var list []Unknown
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		if len(list) == limit {
			break
		}
		list = append(list, Unknown{Name: name, Node: nodes[name]})
	}
	return list
}

// lack is what some streams ask for in vain.
type lack struct {
	names   []string
	streams []*stream
}

func (t *topic) lacking(of *set, limit int) []lack {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []lack
	for _, same := range t.subscriptions {
		for _, sub := range same {
			var names []string
			for _, name := range sub.names {
				if len(names) == limit {
					break
				}
				if of.find(name) == nil {
					names = append(names, name)
				}
			}
			if len(names) > 0 {
				list = append(list, lack{names, slices.Collect(maps.Keys(sub.streams))})
			}
		}
	}
	return list
}

// Connected is how many clients of a view there are, without observers.
func (s *Server) Connected(viewName string) int {
	s.mu.Lock()
	streams := slices.Collect(maps.Keys(s.streams))
	s.mu.Unlock()
	type key struct{ id, peer string }
	clients := map[key]struct{}{}
	for _, str := range streams {
		if c := str.who(); c != nil && !c.observer && c.viewName == viewName {
			clients[key{c.id, c.peer}] = struct{}{}
		}
	}
	return len(clients)
}

// who is nil before the first request.
func (s *stream) who() *client {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.client
}
