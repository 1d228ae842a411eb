package simulate

// randomTwo is HAProxy's random(2): two draws by weight, of which the one with
// fewer in flight for its weight is taken, the later of two equal ones.
type randomTwo struct {
	view
	sums []uint32
}

func newRandomTwo(v view) *randomTwo {
	return &randomTwo{view: v, sums: make([]uint32, len(v.weights))}
}

func (r *randomTwo) weigh() {
	var sum uint32
	for i, w := range r.weights {
		sum += uint32(w)
		r.sums[i] = sum
	}
}

func (r *randomTwo) changed(int) {}

func (r *randomTwo) pick() int {
	if r.sums[len(r.sums)-1] == 0 {
		return -1
	}
	a, b := drawByWeight(r.random, r.sums), drawByWeight(r.random, r.sums)
	if r.inFlight[b]*r.weights[a] > r.inFlight[a]*r.weights[b] {
		return a
	}
	return b
}
