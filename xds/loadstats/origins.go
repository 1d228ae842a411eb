package loadstats

import (
	"fmt"
	"sync"
)

// The beginnings of Report.Origin, followed by the data plane's node ID. They
// differ, so that the weights which Envoys have in force count by the traffic of
// Envoys, and those of gRPC clients by theirs.
const (
	OriginEnvoy = "lrs:"
	OriginGRPC  = "lrs-grpc:"
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
func (o *origins) take(n *Node) string {
	beginning, id := OriginEnvoy, n.ID
	if IsGRPC(n.UserAgent) {
		beginning = OriginGRPC
	}
	if id == "" {
		id = "unnamed"
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	origin := beginning + id
	for i := 2; o.taken[origin]; i++ {
		origin = fmt.Sprintf("%s%s#%d", beginning, id, i)
	}
	o.taken[origin] = true
	return origin
}

func (o *origins) release(origin string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.taken, origin)
}
