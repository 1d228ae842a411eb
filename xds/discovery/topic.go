package discovery

import (
	"slices"
	"sync"
	"sync/atomic"
)

// view is one set of resources, for one sort of client.
type view struct {
	topics   [kinds]*topic
	snapshot atomic.Pointer[snapshot]
	// retired is guarded by the server's publishing.
	retired []retired
}

func newView(encoder *encoder) *view {
	v := &view{}
	for k := range v.topics {
		v.topics[k] = &topic{
			subscriptions: make(map[uint64][]*subscription),
			images:        images{kind: kind(k), encoder: encoder},
		}
	}
	v.snapshot.Store(&snapshot{})
	return v
}

// topic is one type of one view: who wants what of it, and the responses that
// are under way.
type topic struct {
	images images

	mu            sync.Mutex
	subscriptions map[uint64][]*subscription // by sum
}

// join lets a stream be woken for what it wants, and returns the subscription to
// use: an older one that wants the same, if there is one.
func (t *topic) join(s *stream, wanted *subscription) *subscription {
	t.mu.Lock()
	defer t.mu.Unlock()
	same := t.subscriptions[wanted.sum]
	if at := slices.IndexFunc(same, wanted.same); at >= 0 {
		wanted = same[at]
	} else {
		t.subscriptions[wanted.sum] = append(same, wanted)
	}
	wanted.streams[s] = struct{}{}
	return wanted
}

// leave undoes join. A subscription that nobody has any more is forgotten.
func (t *topic) leave(s *stream, left *subscription) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(left.streams, s)
	if len(left.streams) > 0 {
		return
	}
	rest := slices.DeleteFunc(t.subscriptions[left.sum], func(s *subscription) bool { return s == left })
	if len(rest) == 0 {
		delete(t.subscriptions, left.sum)
	} else {
		t.subscriptions[left.sum] = rest
	}
}

// wake tells all streams that want one of the names, or everybody on the first
// publication.
func (t *topic) wake(first bool, names []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, same := range t.subscriptions {
		for _, sub := range same {
			if first || sub.concerns(names) {
				for s := range sub.streams {
					s.poke()
				}
			}
		}
	}
}
