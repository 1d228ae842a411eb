package simulate

// roundRobin is smooth weighted round robin: each backend gains its weight at
// every pick and the richest pays for all.
type roundRobin struct {
	view
	credit []int32
	total  int32
}

func newRoundRobin(v view) *roundRobin {
	return &roundRobin{view: v, credit: make([]int32, len(v.weights))}
}

func (r *roundRobin) weigh() {
	first := r.total == 0
	r.total = 0
	for _, w := range r.weights {
		r.total += w
	}
	if first && r.total > 0 {
		// Proxies that were not started together are not in step.
		for range r.random.Int32N(r.total) {
			r.pick()
		}
	}
}

func (r *roundRobin) changed(int) {}

func (r *roundRobin) pick() int {
	best := -1
	for i, w := range r.weights {
		if w == 0 {
			continue
		}
		r.credit[i] += w
		if best < 0 || r.credit[i] > r.credit[best] {
			best = i
		}
	}
	if best >= 0 {
		r.credit[best] -= r.total
	}
	return best
}
