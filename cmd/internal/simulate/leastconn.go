package simulate

import "math"

// leastConnections is HAProxy's leastconn (lb_fwlc.c): a tree ordered by
// in-flight over weight, in which an idle server comes first whatever its
// weight. Of servers with the same key, the one that has had it longest comes
// first, and a server whose key does not change stays where it is.
type leastConnections struct {
	view
	// tree is by key and order of insertion.
	tree     tournament
	keys     []uint32
	weighed  []int32
	inserted uint64
}

const (
	// weightScale is SRV_EWGHT_MAX; a weight counts 16 there.
	weightScale = 4096
	weightUnit  = 16
)

func newLeastConnections(v view) *leastConnections {
	return &leastConnections{
		view:    v,
		tree:    newTournament(len(v.weights)),
		keys:    make([]uint32, len(v.weights)),
		weighed: make([]int32, len(v.weights)),
	}
}

func (l *leastConnections) key(backend int) uint32 {
	n := uint32(l.inFlight[backend])
	if n == 0 {
		return 0
	}
	return (n + 1) * weightScale / (weightUnit * uint32(l.weights[backend]))
}

func (l *leastConnections) insert(backend int) {
	l.keys[backend] = l.key(backend)
	l.inserted++
	l.tree.place(backend, float64(l.keys[backend]), l.inserted)
}

func (l *leastConnections) changed(backend int) {
	if l.weights[backend] > 0 && l.keys[backend] != l.key(backend) {
		l.insert(backend)
	}
}

func (l *leastConnections) weigh() {
	for i, w := range l.weights {
		switch {
		case w == 0:
			l.tree.set(i, math.Inf(1))
		case w != l.weighed[i]:
			l.insert(i)
		}
	}
	copy(l.weighed, l.weights)
}

func (l *leastConnections) pick() int {
	best, at := l.tree.first()
	if math.IsInf(at, 1) {
		return -1
	}
	return best
}
