package loadstats

import (
	"fmt"
	"sync"
)

// origins names the streams that are open. Of several with the same node, as
// while an Envoy restarts hot and both processes hold connections, each counts
// for itself, so each needs a name of its own. A name is free again when its
// stream ends, so that a node which reconnects goes on under the one it had.
type origins struct {
	mu    sync.Mutex
	taken map[string]bool
}

// take returns lrs:ID, or lrs:ID#2 and so on while that is taken.
func (o *origins) take(id string) string {
	if id == "" {
		id = "unnamed"
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	origin := "lrs:" + id
	for n := 2; o.taken[origin]; n++ {
		origin = fmt.Sprintf("lrs:%s#%d", id, n)
	}
	o.taken[origin] = true
	return origin
}

func (o *origins) release(origin string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.taken, origin)
}
