package scorer

import "time"

// departedFor is how long a backend that has left is remembered: a record that is
// missing for a moment, or a server that is restarted, should not be learned anew,
// and what was learned an hour ago is no longer true.
const departedFor = 10 * time.Minute

// departed are the backends that have left the pool lately, by name.
type departed map[string]departure

type departure struct {
	address    string
	at         time.Time
	remembered Remembered
}

// noteDeparted notes what is known of the members that are not among the next, before
// they go, and forgets who left long ago.
func (p *Pool) noteDeparted(next map[string]*member) {
	for name, d := range p.departed {
		if p.last.Sub(d.at) > departedFor {
			delete(p.departed, name)
		}
	}
	var memory Memory
	for name, m := range p.byName {
		if next[name] != nil || p.last.IsZero() {
			continue
		}
		if memory.Backends == nil {
			memory = p.Memory()
		}
		if p.departed == nil {
			p.departed = departed{}
		}
		p.departed[name] = departure{m.Address, p.last, memory.Backends[name]}
	}
}

// welcome lets a backend go on from what was known when it left, unless it is
// another machine by now. It comes back with slow start like any other.
func (p *Pool) welcome(m *member, b Backend) {
	d, ok := p.departed[b.Name]
	if !ok {
		return
	}
	delete(p.departed, b.Name)
	away := p.last.Sub(d.at)
	if d.address != b.Address || away > departedFor || !d.remembered.sane(away.Seconds(), p.constants) {
		return
	}
	known := map[string]Remembered{b.Name: d.remembered}
	m.recall(known, p.last, p.constants)
	if r := d.remembered.Drain; r != nil {
		m.drain = &drain{ordered: r.Ordered, first: float64(r.First)}
	}
	p.goals.recall(known)
	if p.choice.law != p.capacity {
		return // it would wait there until it is no longer true
	}
	if p.capacity.memory == nil {
		p.capacity.memory = map[string]Remembered{}
	}
	p.capacity.memory[b.Name], p.capacity.recalled = d.remembered, p.last
}
