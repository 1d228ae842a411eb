package advice

import (
	"math"
	"slices"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/observation"
	"github.com/trimtab-lb/trimtab/scorer"
)

// thinBelow is with how many requests in flight of a server and proxy leastconn begins
// to take idle servers whatever their weight, so that the law's estimates lose their
// hold.
const thinBelow = 1.5

// learnedCapacities are the law's, unless weights do little or no law learns; then what
// servers say of themselves, if all do. Configured ones are the last resort.
func (p *pool) learnedCapacities() {
	all := func(f func(s *server) bool) bool {
		return len(p.servers) > 0 && !slices.ContainsFunc(p.servers, func(s server) bool { return !f(&s) })
	}
	loose := p.each() < thinBelow && slices.ContainsFunc(p.doc.Targets, func(t observation.Target) bool { return t.Algorithm == scorer.LeastConnections })
	lawful := all(func(s *server) bool { return s.capacity > 0 })
	p.learned = true
	switch {
	case lawful && !loose:
	case all(func(s *server) bool { return usable(s.reported) && s.rate > 0 }):
		for i := range p.servers {
			s := &p.servers[i]
			s.capacity, s.utilization = s.rate/s.reported, s.reported
		}
	case lawful:
	default:
		p.learned = false
		for i := range p.servers {
			p.servers[i].capacity = p.servers[i].configured
		}
	}
}

// usable leaves out what is no share of a capacity.
func usable(utilization float64) bool { return utilization > 0.002 && utilization < 2 }

// reported is the pool's utilization, if enough servers say theirs.
func (p *pool) reported() {
	var busy, capacity float64
	count := 0
	for i := range p.servers {
		if s := &p.servers[i]; usable(s.utilization) {
			busy += s.capacity * s.utilization
			capacity += s.capacity
			count++
		}
	}
	p.utilization = math.NaN()
	if float64(count) >= reporting*float64(len(p.servers)) {
		p.utilization = busy / capacity
	}
}

// apart is the largest over the smallest of something that all servers have.
func (p *pool) apart(of func(*server) float64) float64 {
	low, high := math.Inf(1), math.Inf(-1)
	for i := range p.servers {
		low, high = min(low, of(&p.servers[i])), max(high, of(&p.servers[i]))
	}
	return high / low
}

// leastServed is how many requests a server must have completed for its mean response
// time to say something of it.
const leastServed = 200

// responsesApart is by what the servers' mean response times differ, of those that
// have any; 1 where fewer than two do.
func (p *pool) responsesApart() float64 {
	low, high := math.Inf(1), 0.0
	for i := range p.servers {
		if s := &p.servers[i]; s.rate*p.doc.Seconds >= leastServed && s.response > 0 {
			low, high = min(low, s.response), max(high, s.response)
		}
	}
	return max(high/low, 1)
}

func (p *pool) capacitiesApart() float64 {
	return p.apart(func(s *server) float64 { return s.capacity })
}
