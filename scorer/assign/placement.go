package assign

import (
	"context"
	"errors"
	"maps"
	"math"
	"net/netip"
	"sync"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Reasons for assigning nothing.
var (
	// ErrNoPlan is that no plan has come yet.
	ErrNoPlan = errors.New("there is no plan yet")
	// ErrNoBackend is that no backend of the pool takes clients: all drain, are
	// ejected or down, or have no address.
	ErrNoBackend = errors.New("no backend takes clients")
	// ErrNoAddress is that some take clients, but have no address of the family that
	// was asked for.
	ErrNoAddress = errors.New("no backend that takes clients has such an address")
	// ErrFull is that every backend that takes clients is full.
	ErrFull = errors.New("all backends are full")
)

// Placement places the clients of one pool. It is safe for concurrent use: plans
// come once a second, clients thousands of times.
type Placement struct {
	config Config

	mu       sync.Mutex
	members  map[string]scorer.Backend
	plan     scorer.Plan // the newest that has decisions
	hosts    map[string]*host
	order    []*host // those of the plan, by name
	view     view
	all      lottery
	v4, v6   lottery
	counters counters
}

type counters struct{ noPlan, noBackend, full uint64 }

// Backend is where a client is sent.
type Backend struct {
	Name string
	// Address is host:port.
	Address string
	// At is Address where that is an IP address, else it is not valid.
	At netip.AddrPort
}

// Stats are counts since the start, for metrics.
type Stats struct {
	// Assigned is by backend, of those that are in the pool now.
	Assigned map[string]uint64
	// NoPlan, NoBackend and Full count those who were sent nowhere.
	NoPlan, NoBackend, Full uint64
}

// New returns a placement without a plan.
func New(c Config) *Placement {
	c.Fronts = max(c.Fronts, 1)
	c.Clients = max(c.Clients, 1)
	if !(c.Bound > 1) {
		c.Bound = defaultBound
	}
	if c.Full == 0 {
		c.Full = defaultFull
	}
	return &Placement{
		config: c, view: view{each: float64(c.Fronts) * c.Clients, limit: c.Full},
		members: map[string]scorer.Backend{}, hosts: map[string]*host{},
	}
}

// SetBackends says where the pool's backends are. One without an address gets no
// clients.
func (p *Placement) SetBackends(backends []scorer.Backend) {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.members)
	for _, b := range backends {
		p.members[b.Name] = b
	}
	if len(p.plan.Decisions) > 0 {
		p.take(p.plan)
	}
}

// Apply implements tuner.Target: from now on clients are placed by the plan. What it
// returns is whom clients are drawn by, in thousandths. A plan that is not to be
// carried out leaves the weights to the configured capacities, and ejects nobody.
func (p *Placement) Apply(_ context.Context, plan scorer.Plan) (scorer.InForce, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(plan.Decisions) > 0 {
		p.take(plan)
	}
	return p.inForce(), nil
}

// Stats returns what was counted.
func (p *Placement) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := Stats{
		Assigned: make(map[string]uint64, len(p.order)),
		NoPlan:   p.counters.noPlan, NoBackend: p.counters.noBackend, Full: p.counters.full,
	}
	for _, h := range p.order {
		out.Assigned[h.name] = h.assigned
	}
	return out
}

// take makes a plan the one in force.
func (p *Placement) take(plan scorer.Plan) {
	p.plan = plan
	p.order = p.order[:0]
	for i := range plan.Decisions {
		d := &plan.Decisions[i]
		h := p.hosts[d.Backend]
		if h == nil {
			h = &host{name: d.Backend, hash: hashOf(d.Backend), excess: math.NaN()}
			p.hosts[d.Backend] = h
		}
		p.order = append(p.order, h)
		h.follow(p.members[d.Backend], d, plan.Mode)
		h.reported = reportedAt(d, plan.At)
		h.pending = h.recent.since(h.reported, plan.At, p.config.Follow)
	}
	if len(p.hosts) > len(p.order) {
		p.forget()
	}
	p.view.look(p.order, p.config.Balance)
	p.all.fill(p.order, &p.view, func(*host) bool { return true })
	p.v4.fill(p.order, &p.view, func(h *host) bool { return h.family() == IPv4 })
	p.v6.fill(p.order, &p.view, func(h *host) bool { return h.family() == IPv6 })
}

// forget drops backends that have left.
func (p *Placement) forget() {
	stay := make(map[string]*host, len(p.order))
	for _, h := range p.order {
		stay[h.name] = h
	}
	p.hosts = stay
}

func (p *Placement) inForce() scorer.InForce {
	out := scorer.InForce{Algorithm: scorer.Random}
	var total float64
	for _, h := range p.order {
		total += h.weight
	}
	for _, h := range p.order {
		s := scorer.Share{Backend: h.name, Weight: h.weight}
		if total > 0 {
			s.Applied = int(1000*h.weight/total + 0.5)
		}
		if h.address == "" {
			s.Note = "has no address that clients could be told"
		}
		out.Shares = append(out.Shares, s)
	}
	return out
}

// Succeed goes on from where another placement is, so that clients are placed before a
// plan has come. It does nothing when that has none, or when this one has one.
func (p *Placement) Succeed(before *Placement) {
	before.mu.Lock()
	plan, members := before.plan, maps.Clone(before.members)
	hosts := make(map[string]*host, len(before.hosts))
	for name, h := range before.hosts {
		same := *h
		hosts[name] = &same
	}
	before.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(plan.Decisions) == 0 || len(p.plan.Decisions) > 0 {
		return
	}
	p.hosts = hosts
	if len(p.members) == 0 {
		p.members = members
	}
	p.take(plan)
}
