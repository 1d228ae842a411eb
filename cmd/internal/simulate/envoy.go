package simulate

// envoyRoundRobin is Envoy's ROUND_ROBIN: one after another while weights are
// equal, else earliest deadline first by weight.
type envoyRoundRobin struct {
	*edf
	next int
}

func newEnvoyRoundRobin(v view) *envoyRoundRobin {
	r := &envoyRoundRobin{next: v.random.IntN(len(v.weights))}
	r.edf = newEDF(v, func(host int32) float64 { return float64(v.weights[host]) })
	return r
}

func (r *envoyRoundRobin) changed(int) {}

func (r *envoyRoundRobin) pick() int {
	if len(r.hosts) == 0 {
		return -1
	}
	if !r.equal {
		return int(r.earliest())
	}
	r.next = (r.next + 1) % len(r.hosts)
	return int(r.hosts[r.next])
}

// workers are an Envoy's threads: what is picked for depends on which of them
// has the client's connection.
type workers struct {
	view
	all []balancer
}

func (w *workers) pick() int { return w.all[w.random.IntN(len(w.all))].pick() }

func (w *workers) changed(backend int) {
	for _, b := range w.all {
		b.changed(backend)
	}
}

func (w *workers) weigh() {
	for _, b := range w.all {
		b.weigh()
	}
}
