package simulate

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Pool is backends of a scenario that serve one thing, behind proxies of their own.
// Pools share what backends they have in common and know nothing of each other: a
// proxy counts only what its pool does there, while a backend's reports, of all
// that it does for anyone, come to every pool that has it.
type Pool struct {
	// Name is unique in the scenario.
	Name string
	// Members are its backends, each once, at least one.
	Members []Member
	// Proxies is how many proxies it has, at least 1.
	Proxies int
	// Proxy is what they are; nil is what the scenario is judged behind.
	Proxy *Proxy
}

// Member is a backend in a pool.
type Member struct {
	// Backend is its index in the scenario.
	Backend int
	// Weight is instead of the backend's configured one; 0 leaves that.
	Weight float64
}

// maxPools and maxProxies keep streams of random numbers apart.
const (
	maxPools   = math.MaxInt16
	maxProxies = streamFaults - streamPicks
)

// pools are the scenario's, or the one of all backends that it is without any.
func (s *Scenario) pools() []Pool {
	if s.Pools != nil {
		return s.Pools
	}
	one := Pool{Proxies: s.Proxies, Members: make([]Member, len(s.Backends))}
	for i := range one.Members {
		one.Members[i].Backend = i
	}
	return []Pool{one}
}

// behind is what a pool's proxies are where the scenario is judged behind p.
func (p *Pool) behind(other Proxy) Proxy {
	if p.Proxy != nil {
		other = *p.Proxy
	}
	return other.withDefaults()
}

// seenBy is the scenario as the one who steers a pool knows it: its backends and
// its proxies, and nothing of the traffic.
func (s *Scenario) seenBy(p *Pool) *Scenario {
	if s.Pools == nil {
		return s
	}
	out := &Scenario{
		Name: s.Name + "/" + p.Name, Proxies: p.Proxies,
		Warmup: s.Warmup, Duration: s.Duration, Timeout: s.Timeout, Reports: s.Reports,
		Shed: s.Shed, ShedOrder: s.ShedOrder, Trimtabs: s.Trimtabs, ViewDelay: s.ViewDelay,
	}
	for _, m := range p.Members {
		b := s.Backends[m.Backend]
		if m.Weight > 0 {
			b.Weight = m.Weight
		}
		out.Backends = append(out.Backends, b)
		if s.Oracle != nil {
			out.Oracle = append(out.Oracle, s.Oracle[m.Backend])
		}
	}
	return out
}

// socketsOf are the clients of a pool.
func (s *Scenario) socketsOf(pool int) []Sockets {
	return slices.DeleteFunc(slices.Clone(s.Sockets), func(group Sockets) bool { return group.Pool != pool })
}

// And is what is between the names of several proxies.
const And = " + "

// Behind names the proxies of all pools, those that are alike once, where the
// scenario is judged behind p.
func (s *Scenario) Behind(p Proxy) string {
	var names []string
	for i := range s.Pools {
		name := p.String()
		if own := s.Pools[i].Proxy; own != nil {
			name = own.String()
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if names == nil {
		return p.String()
	}
	return strings.Join(names, And)
}

// checkPools checks them, and what goes to them.
func (s *Scenario) checkPools() error {
	if len(s.Pools) > maxPools {
		return fmt.Errorf("%d pools: at most %d", len(s.Pools), maxPools)
	}
	var errs []error
	names := map[string]bool{}
	proxies := 0
	for i := range s.Pools {
		p := &s.Pools[i]
		if names[p.Name] {
			errs = append(errs, fmt.Errorf("pool %s: twice", p.Name))
		}
		names[p.Name] = true
		proxies += max(p.Proxies, 0)
		if err := p.check(len(s.Backends)); err != nil {
			errs = append(errs, fmt.Errorf("pool %s: %w", p.Name, err))
		}
	}
	if proxies > maxProxies {
		errs = append(errs, fmt.Errorf("%d proxies: at most %d", proxies, maxProxies))
	}
	count := max(len(s.Pools), 1)
	for i, r := range s.streams() {
		if r.Pool < 0 || r.Pool >= count {
			errs = append(errs, fmt.Errorf("requests %d: there is no pool %d", i, r.Pool))
		}
	}
	for i := range s.Sockets {
		if k := s.Sockets[i].Pool; k < 0 || k >= count {
			errs = append(errs, fmt.Errorf("sockets %d: there is no pool %d", i, k))
		}
	}
	return errors.Join(errs...)
}

func (p *Pool) check(backends int) error {
	switch {
	case len(p.Members) == 0:
		return errors.New("no backends")
	case p.Proxies < 1:
		return fmt.Errorf("%d proxies: must be at least 1", p.Proxies)
	}
	here := make([]bool, backends)
	for _, m := range p.Members {
		switch {
		case m.Backend < 0 || m.Backend >= backends:
			return fmt.Errorf("there is no backend %d", m.Backend)
		case here[m.Backend]:
			return fmt.Errorf("backend %d: twice", m.Backend)
		case !(m.Weight >= 0):
			return fmt.Errorf("backend %d: weight %v: must not be negative", m.Backend, m.Weight)
		}
		here[m.Backend] = true
	}
	if p.Proxy == nil {
		return nil
	}
	return p.Proxy.check()
}
