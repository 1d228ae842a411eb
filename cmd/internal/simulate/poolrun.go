package simulate

// poolRun is one pool of a run. It numbers its backends as its members are.
type poolRun struct {
	scenario   *Scenario // as the controller knows it
	controller Controller
	// members are the scenario's numbers of the backends, places the way back: -1
	// for those that are not in the pool.
	members, places []int32
	warmup          float64

	// asked is the controller's word, weights what the proxies have: the same
	// but for backends that are out.
	asked   []int32
	weights []int32
	limit   int
	proxies []balancer
	counts  counts
	// first is the place of the first member in the series.
	first int

	// conditions and reports are the members'.
	conditions []Condition
	reports    []Load

	// closed is how many connections of each member were closed since the last step.
	closed []int

	balance   Balance
	holding   *Holding
	watch     watch
	latencies []float64
	requests  []int
	result    Result
}

// steered is who steers a pool, and its proxies.
type steered struct {
	proxy      Proxy // complete
	controller Controller
}

// newPoolRun is a pool whose proxies are, over all pools, those from first on.
// expected is how many requests will go to it.
func newPoolRun(s *Scenario, p *Pool, by steered, seed uint64, first, expected int) poolRun {
	seen, n := s.seenBy(p), len(p.Members)
	out := poolRun{
		scenario: seen, controller: by.controller, warmup: s.Warmup.Seconds(),
		members: make([]int32, n), places: make([]int32, len(s.Backends)),
		asked: make([]int32, n), weights: make([]int32, n), limit: by.proxy.largestWeight(),
		counts:     newCounts(p.Proxies, n, by.proxy.Kind == KindEnvoy),
		conditions: make([]Condition, n), reports: make([]Load, n),
		holding:   NewHolding(seen),
		watch:     newWatch(seen),
		closed:    make([]int, n),
		latencies: make([]float64, 0, expected),
		requests:  make([]int, n),
	}
	for i := range out.places {
		out.places[i] = -1
	}
	for i, m := range p.Members {
		out.members[i], out.places[m.Backend] = int32(m.Backend), int32(i)
	}
	for k := range p.Proxies {
		out.proxies = append(out.proxies, newBalancer(by.proxy, view{
			weights: out.weights, inFlight: out.counts.proxy(k).inFlight,
			random: stream(seed, streamPicks+uint64(first+k)),
		}))
	}
	return out
}

// see takes over what is so of all backends.
func (p *poolRun) see(conditions []Condition) {
	for i, b := range p.members {
		p.conditions[i] = conditions[b]
	}
}

// told takes over what backends have reported.
func (p *poolRun) told(reports []Load) []Load {
	for i, b := range p.members {
		p.reports[i] = reports[b]
	}
	return p.reports
}

// counted says whether what came then counts.
func (p *poolRun) counted(at float64) bool { return at >= p.warmup }

func (p *poolRun) count(at float64) {
	if p.counted(at) {
		p.result.Requests++
	}
}

func (p *poolRun) fail(at float64) {
	if p.counted(at) {
		p.result.Failed++
	}
}

// lose is for connections that their backend broke off.
func (p *poolRun) lose(at float64) {
	if p.counted(at) {
		p.result.Lost++
	}
}

// refuse is for what finds no backend.
func (p *poolRun) refuse(at float64) {
	p.count(at)
	p.fail(at)
	if p.counted(at) {
		p.result.Refused++
	}
}
