package discovery

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// NodeStatus is one client: a node on one connection.
type NodeStatus struct {
	// ID and Cluster are the node's, UserAgent its program and version.
	ID, Cluster, UserAgent string
	// View is the name of the resources that it is served.
	View string
	// Peer is its address. Identity is the name that its certificate proves, "" if
	// it has shown none.
	Peer, Identity string
	// Observer is whether [Options].Observer takes it for one that only looks.
	Observer bool
	// Connected is when the oldest of its streams was opened.
	Connected time.Time
	// Types are what it watches, a row for each stream and type: an Envoy without
	// ADS has a stream per cluster.
	Types []TypeStatus
}

// TypeStatus is what one stream of a client has of one type.
type TypeStatus struct {
	TypeURL string
	// Stream is the stream's number, from 1 since the server was made.
	Stream uint64
	// Delta is whether the incremental protocol is spoken, else state of the world.
	Delta bool
	// Wildcard is a subscription to everything, Subscribed the number of names.
	Wildcard   bool
	Subscribed int
	// Sent and Acked are the versions sent and acknowledged last. After a
	// reconnection Acked is what the client said to have, if that is still right.
	Sent, Acked string
	// InFlight is a response that is neither acknowledged nor rejected yet, Due that
	// what the client has is not what is published for it, and that it has not
	// rejected that.
	InFlight, Due bool
	// Rejected is the newest NACK that something published is still lacking for, nil
	// if there is none. What is not concerned by it is sent all the same where the
	// protocol allows that.
	Rejected *Rejection
	// Requested is when the last request came.
	Requested time.Time
}

// Rejection is a NACK. It is immutable.
type Rejection struct {
	At      time.Time
	Version string
	// Error is one line of at most 300 bytes.
	Error string
}

// Nodes lists the clients that are connected, by id and peer. A client is in it
// from its first request on.
func (s *Server) Nodes() []NodeStatus {
	s.mu.Lock()
	streams := slices.Collect(maps.Keys(s.streams))
	s.mu.Unlock()
	slices.SortFunc(streams, func(a, b *stream) int { return cmp.Compare(a.number, b.number) })
	type key struct{ id, view, peer string }
	nodes := make(map[key]*NodeStatus)
	for _, str := range streams {
		c, types := str.status()
		if c == nil {
			continue
		}
		node := nodes[key{c.id, c.viewName, c.peer}]
		if node == nil {
			node = &NodeStatus{
				ID: c.id, Cluster: c.cluster, UserAgent: c.agent, View: c.viewName,
				Peer: c.peer, Identity: c.identity, Observer: c.observer, Connected: str.since,
			}
			nodes[key{c.id, c.viewName, c.peer}] = node
		}
		node.Types = append(node.Types, types...)
	}
	list := make([]NodeStatus, 0, len(nodes))
	for _, node := range nodes {
		list = append(list, *node)
	}
	slices.SortFunc(list, func(a, b NodeStatus) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Peer, b.Peer), cmp.Compare(a.View, b.View))
	})
	return list
}

func (s *stream) status() (*client, []TypeStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == nil {
		return nil, nil
	}
	var types []TypeStatus
	latest := s.client.latest()
	for _, w := range s.watches {
		if w != nil {
			t := w.status
			t.InFlight = w.inFlight != nil
			t.Due = w.behind(latest)
			if w.settled(latest) {
				t.Rejected = nil // it was taken back
			}
			types = append(types, t)
		}
	}
	return s.client, types
}
