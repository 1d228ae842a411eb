package haproxy

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// poll reads everything once and hands it to the backends.
func (p *Proxy) poll(ctx context.Context) error {
	backends := p.list()
	began := time.Now()
	wantInfo := p.generation == 0 || began.Sub(p.infoAt) >= infoEvery || p.session.connects.Load() != p.connects
	var commands []string
	var handle []func([]byte) error
	ask := func(command string, with func([]byte) error) {
		commands = append(commands, command)
		handle = append(handle, with)
	}
	info := process{}
	if wantInfo {
		ask("show info", func(text []byte) (err error) { info, err = parseInfo(text); return err })
	}
	if p.initialLack || began.Sub(p.initialAt) >= initialEvery {
		clear(p.initial)
		p.askInitial(backends, ask)
		p.initialLack, p.initialAt = false, began
	}
	collected := p.askStat(backends, ask)
	at, err := p.session.Exchange(ctx, commands, func(i int, text []byte) error {
		if severityOf(text) < 0 {
			return handle[i](text)
		}
		if err := refused(commands[i], text); !errors.Is(err, ErrNoSuchBackend) {
			return err
		}
		return nil // one backend that is gone is no trouble of the others
	})
	if err != nil {
		p.initialAt = time.Time{}
		return err
	}
	if connects := p.session.connects.Load(); connects != p.connects && !wantInfo {
		// Somebody connected anew meanwhile: who answers must be asked first.
		p.connects = connects
		p.infoAt = time.Time{}
		return p.poll(ctx)
	}
	if wantInfo {
		p.connects, p.infoAt = p.session.connects.Load(), began
		if again, err := p.meet(info); err != nil {
			return err
		} else if again {
			return p.poll(ctx)
		}
	}
	p.hand(backends, collected, at)
	return nil
}

// errReplaced is a worker's that a reload has replaced.
var errReplaced = errors.New("HAProxy is stopping; connecting to its successor")

// meet notes which process answers, and reports whether everything has to be
// read again because it is another one.
func (p *Proxy) meet(now process) (again bool, err error) {
	if now.stopping {
		// The connection to a worker that was replaced would last as long as its
		// clients.
		p.session.Close()
		p.infoAt = time.Time{}
		return false, fmt.Errorf("%s: pid %d: %w", p.session.name, now.pid, errReplaced)
	}
	if now.pid == p.process.pid && now.uptime >= p.process.uptime {
		p.process = now
		return false, nil
	}
	if p.generation > 0 {
		p.log.Info("HAProxy was restarted or reloaded; weights are set again", "pid", now.pid, "before", p.process.pid)
	}
	p.process = now
	p.generation++
	if p.generation == 1 {
		return false, nil
	}
	p.initialLack = true
	return true, nil
}

func (p *Proxy) askInitial(backends []*Backend, ask func(string, func([]byte) error)) {
	read := func(text []byte) error {
		return parseInitial(text, func(backend, server []byte, initial int) {
			p.initial[[2]string{p.parser.string(backend), p.parser.string(server)}] = initial
		})
	}
	if len(backends) >= dumpAll {
		ask("show servers state", read)
		return
	}
	for _, b := range backends {
		ask("show servers state "+b.name, read)
	}
}

// collected is one backend's rows of a poll.
type collected struct {
	whole   row
	servers []row
}

// askStat asks for the statistics of the backends and of their servers, one by
// one while they are few.
func (p *Proxy) askStat(backends []*Backend, ask func(string, func([]byte) error)) map[string]*collected {
	out := make(map[string]*collected, len(backends))
	for _, b := range backends {
		out[b.name] = &collected{servers: make([]row, 0, b.size())}
	}
	read := func(text []byte) error {
		return p.parser.parse(text, func(r *row) {
			c := out[r.backend]
			switch {
			case c == nil:
			case r.server == backendRow:
				c.whole = *r
			default:
				c.servers = append(c.servers, *r)
			}
		})
	}
	oneByOne := len(backends) < dumpAll
	for _, b := range backends {
		// HAProxy takes a number for the id of a proxy.
		oneByOne = oneByOne && !isNumber(b.name)
	}
	const backendsAndServers = "6 -1"
	if !oneByOne {
		ask("show stat -1 "+backendsAndServers, read)
		return out
	}
	for _, b := range backends {
		ask("show stat "+b.name+" "+backendsAndServers, read)
	}
	return out
}

func isNumber(name string) bool {
	for i := range len(name) {
		if name[i] < '0' || name[i] > '9' {
			return false
		}
	}
	return true
}

// hand makes views and reports of what was collected.
func (p *Proxy) hand(backends []*Backend, all map[string]*collected, at time.Time) {
	for _, b := range backends {
		c := all[b.name]
		if c.whole.backend == "" && len(c.servers) == 0 {
			b.missing(at, fmt.Errorf("%s: backend %s: %w", p.session.name, b.name, ErrNoSuchBackend))
			continue
		}
		v := p.view(b, c, at)
		b.take(v, c.servers)
	}
}

func (p *Proxy) view(b *Backend, c *collected, at time.Time) *view {
	v := &view{at: at, generation: p.generation, servers: make([]server, len(c.servers))}
	v.algorithm = algorithmOf(c.whole.algorithm)
	if named, ok := p.algorithm[b.name]; ok && (c.whole.algorithm == "" || c.whole.algorithm == "unknown") {
		v.algorithm = algorithmOf(named)
	}
	for i := range c.servers {
		r := &c.servers[i]
		initial, ok := p.initial[[2]string{r.backend, r.server}]
		if !ok {
			// A server that was added since: its first weight is what it has.
			p.initialLack = true
			initial = r.weight
		}
		v.servers[i] = server{
			name: r.server, address: r.address, status: r.status,
			weight: r.weight, initial: initial, agent: r.agent,
		}
	}
	if before := b.view.Load(); before != nil && sameNames(before.servers, v.servers) {
		v.index = before.index
		return v
	}
	v.index = make(map[string]int, len(v.servers))
	for i := range v.servers {
		v.index[v.servers[i].name] = i
	}
	return v
}
