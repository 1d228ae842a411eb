package assign

import "time"

// Family is which addresses a client can use.
type Family uint8

const (
	// AnyFamily is a client that resolves names and speaks every protocol.
	AnyFamily Family = iota
	// IPv4 and IPv6 are clients that asked for an address of this kind.
	IPv4
	IPv6
)

// Request is one client that asks where to go.
type Request struct {
	// Key, where it is not empty, sends the client to the same backend as the last
	// time, bounds permitting. Every front sends it to the same one.
	Key []byte
	// Family restricts backends to those that have such an address.
	Family Family
	// Always sends the client to the backend with most room when all are full,
	// instead of nowhere.
	Always bool
}

// Assign picks a backend for one client and counts it. The errors are [ErrNoPlan],
// [ErrNoBackend], [ErrNoAddress] and [ErrFull].
func (p *Placement) Assign(now time.Time, r Request) (Backend, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.plan.Decisions) == 0 {
		p.counters.noPlan++
		return Backend{}, ErrNoPlan
	}
	l := p.lottery(r.Family)
	if len(l.hosts) == 0 && len(p.all.hosts) > 0 {
		return Backend{}, ErrNoAddress
	}
	if len(l.hosts) == 0 {
		p.counters.noBackend++
		return Backend{}, ErrNoBackend
	}
	h := p.pick(l, r.Key)
	if h == nil && r.Always {
		h = l.least(&p.view, true)
	}
	if h == nil {
		p.counters.full++
		return Backend{}, ErrFull
	}
	p.count(h, now)
	return Backend{Name: h.name, Address: h.address, At: h.at}, nil
}

// count notes that a backend got one more.
func (p *Placement) count(h *host, now time.Time) {
	h.assigned++
	h.pending++
	h.recent.add(now)
	p.all.held += p.view.each
	if f := h.family(); f != AnyFamily {
		p.lottery(f).held += p.view.each
	}
}

func (p *Placement) lottery(f Family) *lottery {
	switch f {
	case IPv4:
		return &p.v4
	case IPv6:
		return &p.v6
	default:
		return &p.all
	}
}

// pick is nil when nobody has room.
func (p *Placement) pick(l *lottery, key []byte) *host {
	var h *host
	if len(key) > 0 {
		h = l.keyed(key, p.config.Bound, &p.view)
	} else {
		h = l.draw(p.config.Source, &p.view)
	}
	if h != nil {
		return h
	}
	return l.least(&p.view, false)
}

// Weighted is a backend that takes clients.
type Weighted struct {
	Backend
	// Weight is its share, relative to the others'.
	Weight float64
}

// Spread returns those who take clients, for a client that draws by weight itself and
// of whom nothing is counted. Weights are the plan's times the square of what is left
// of the backend: where nothing is known of what was assigned since the last report,
// a rule that follows it more closely than that herds. The error is [ErrNoPlan] or
// [ErrNoBackend].
func (p *Placement) Spread() ([]Weighted, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case len(p.plan.Decisions) == 0:
		p.counters.noPlan++
		return nil, ErrNoPlan
	case len(p.all.hosts) == 0:
		p.counters.noBackend++
		return nil, ErrNoBackend
	}
	out := make([]Weighted, len(p.all.hosts))
	for i, h := range p.all.hosts {
		room := 1.0
		if h.utilization >= 0 {
			room = max(1-h.utilization, leastRoom)
		}
		out[i] = Weighted{Backend{Name: h.name, Address: h.address, At: h.at}, h.weight * room * room}
	}
	return out, nil
}

// leastRoom keeps a backend in sight of which nothing is left.
const leastRoom = 0.1
