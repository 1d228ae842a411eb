package simulate

// leastRequest is Envoy's LEAST_REQUEST with its defaults. With equal weights
// it is the less busy of two random hosts, the first of two equal ones; as soon
// as any two differ, earliest deadline first, where a host that is picked comes
// again after (active+1)/weight.
type leastRequest struct {
	view
	hosts     []int32
	equal     bool
	deadlines []float64
}

func newLeastRequest(v view) *leastRequest {
	return &leastRequest{view: v, deadlines: make([]float64, len(v.weights))}
}

// weigh builds the schedule anew, as Envoy does for every change, and makes a
// random number of picks so that proxies do not march in step.
func (l *leastRequest) weigh() {
	l.hosts, l.equal = l.hosts[:0], true
	for i, w := range l.weights {
		if w > 0 {
			l.hosts = append(l.hosts, int32(i))
			l.equal = l.equal && w == l.weights[l.hosts[0]]
		}
	}
	if l.equal {
		return
	}
	for _, h := range l.hosts {
		l.deadlines[h] = l.distance(h)
	}
	for range l.random.IntN(len(l.hosts)) {
		l.earliest()
	}
}

func (l *leastRequest) distance(h int32) float64 {
	return float64(l.inFlight[h]+1) / float64(l.weights[h])
}

func (l *leastRequest) earliest() int32 {
	best := l.hosts[0]
	for _, h := range l.hosts[1:] {
		if l.deadlines[h] < l.deadlines[best] {
			best = h
		}
	}
	l.deadlines[best] += l.distance(best)
	return best
}

func (l *leastRequest) changed(int) {}

func (l *leastRequest) pick() int {
	if len(l.hosts) == 0 {
		return -1
	}
	if !l.equal {
		return int(l.earliest())
	}
	n := len(l.hosts)
	a, b := l.hosts[l.random.IntN(n)], l.hosts[l.random.IntN(n)]
	if l.inFlight[b] < l.inFlight[a] {
		return int(b)
	}
	return int(a)
}
