package advice

import (
	"math"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/observation"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/scorer"
)

// pool is what was seen, brought together. What is not known is NaN.
type pool struct {
	doc     observation.Document
	servers []server
	out     map[string]string
	proxies int
	// rate is requests per second, inFlight those open, response their mean response
	// time in seconds, and failed the share that fails.
	rate, inFlight, response, failed float64
	// utilization is the reported mean, weighted by capacity.
	utilization float64
	// learned is that capacities are, learns that the law in force moves weights.
	learned, learns bool
}

// server is a backend that takes work.
type server struct {
	name string
	// capacity is relative to the others, configured what trimtab was told of it, and
	// weight what is in force without trimtab's doing; all with mean 1.
	capacity, configured, weight float64
	// rate and response are its own, reported its word on its utilization, and
	// utilization the same if it is believed.
	rate, response, reported, utilization float64
	// applied is what targets have in force, in their own units.
	applied map[string]int
}

// reporting is the share of servers that must report utilization for it to be taken
// for the pool's.
const reporting = 0.5

func poolOf(d observation.Document) *pool {
	p := &pool{doc: d, out: map[string]string{}, proxies: max(d.Proxies, len(d.Targets), 1)}
	p.learns = d.Law != scorer.LawStatic && d.Law != "" && d.Mode == scorer.Active.String()
	var failed float64
	var open, latency timed
	for _, b := range d.Backends {
		if b.State != scorer.StateReady.String() && b.State != scorer.StateUnknown.String() {
			p.out[b.Name] = b.State
			continue
		}
		s := serverOf(b)
		p.servers = append(p.servers, s)
		p.rate += s.rate
		failed += known(b.EPS)
		open.add(b.InFlight, s.rate)
		latency.add(b.LatencySeconds*status.Number(s.rate), s.rate)
	}
	p.failed, p.response, p.inFlight = failed/p.rate, open.seconds/open.rate, open.seconds
	if open.rate > 0 {
		p.inFlight = p.response * p.rate
	} else if latency.rate > 0 {
		p.response = latency.seconds / latency.rate
		p.inFlight = p.response * p.rate
	}
	p.learnedCapacities()
	p.reported()
	p.scale()
	return p
}

// timed is the time that requests of some servers take, in seconds per second, which by
// Little's law is how many are in flight.
type timed struct{ seconds, rate float64 }

func (t *timed) add(seconds status.Number, rate float64) {
	if seconds.Known() {
		t.seconds += float64(seconds)
		t.rate += rate
	}
}

func serverOf(b observation.Backend) server {
	s := server{
		name: b.Name, capacity: float64(b.Capacity), configured: float64(b.Configured), weight: float64(b.WeightNow),
		applied: b.Applied, rate: known(b.RPS), response: float64(b.InFlight / b.RPS), reported: float64(b.Utilization), utilization: float64(b.Utilization),
	}
	if !(s.configured > 0) {
		s.configured = 1
	}
	if b.Doubted {
		s.utilization = math.NaN()
	}
	return s
}

func known(n status.Number) float64 {
	if !n.Known() {
		return 0
	}
	return float64(n)
}

// scale gives everything relative a mean of 1. Weights that nobody knows are the
// configured capacities.
func (p *pool) scale() {
	toMeanOne := func(of func(*server) *float64) {
		sum := 0.0
		for i := range p.servers {
			sum += *of(&p.servers[i])
		}
		for i := range p.servers {
			*of(&p.servers[i]) *= float64(len(p.servers)) / sum
		}
	}
	toMeanOne(func(s *server) *float64 { return &s.capacity })
	toMeanOne(func(s *server) *float64 { return &s.configured })
	for i := range p.servers {
		if s := &p.servers[i]; p.learns || !(s.weight > 0) {
			s.weight = s.configured
		}
	}
	toMeanOne(func(s *server) *float64 { return &s.weight })
}

// weightAt is a server's weight at a group's targets without trimtab's doing: relative,
// and in their own units where these are known, as weights mean different things to each.
func (p *pool) weightAt(g group, s *server) float64 {
	if applied := s.applied[g.first.Name]; applied > 0 && !p.learns {
		return float64(applied)
	}
	return s.weight
}

// each is how many requests are in flight of a server and proxy.
func (p *pool) each() float64 { return p.inFlight / float64(max(len(p.servers), 1)*p.proxies) }

func (p *pool) seen() Seen {
	s := Seen{Seconds: p.doc.Seconds, Servers: len(p.servers), Out: p.out, Proxies: p.proxies, Rate: p.rate}
	if len(p.servers) == 0 {
		return s
	}
	s.InFlight, s.MeanMS, s.Utilization = number(p.each()), number(1000*p.response), number(p.utilization)
	if p.learned {
		s.Apart = number(p.capacitiesApart())
	}
	return s
}

// number is nil for what JSON has no number for.
func number(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}
