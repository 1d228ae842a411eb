package haproxy

import (
	"strconv"
)

// request is a command and what reads its answer.
type request struct {
	command string
	read    func([]byte) error
}

// initialRequests ask for the configured weights.
func (p *Proxy) initialRequests(backends []*Backend) []request {
	read := func(text []byte) error {
		return parseInitial(text, func(backend, server []byte, initial int) {
			p.initial[[2]string{p.parser.string(backend), p.parser.string(server)}] = initial
		})
	}
	if p.wantAll(backends) {
		return []request{{"show servers state", read}}
	}
	out := make([]request, len(backends))
	for i, b := range backends {
		out[i] = request{"show servers state " + b.name, read}
	}
	return out
}

// collected is one backend's rows of a poll.
type collected struct {
	whole   row
	servers []row
}

func (c *collected) empty() bool { return c.whole.backend == "" && len(c.servers) == 0 }

// statRequests ask for the statistics of the backends and of their servers,
// each backend by its number once that is known.
func (p *Proxy) statRequests(backends []*Backend) (map[string]*collected, []request) {
	out := make(map[string]*collected, len(backends))
	for _, b := range backends {
		out[b.name] = &collected{servers: b.rows[:0]}
	}
	p.parser.rewind()
	all, rows := p.wantAll(backends), 0
	read := func(text []byte) error {
		return p.parser.parse(text, func(r *row) {
			rows++
			c := out[r.backend]
			switch {
			case c == nil:
			case r.server == backendRow:
				c.whole = *r
				p.ids[c.whole.backend] = r.id
			default:
				c.servers = append(c.servers, *r)
			}
		})
	}
	const backendsAndServers = " 6 -1"
	if all {
		return out, []request{{"show stat -1" + backendsAndServers, func(text []byte) error {
			defer func() { p.total = rows }()
			return read(text)
		}}}
	}
	requests := make([]request, 0, len(backends))
	for _, b := range backends {
		if id := p.ids[b.name]; id != noID {
			requests = append(requests, request{"show stat #" + strconv.FormatInt(id, 10) + backendsAndServers, read})
		}
	}
	return out, requests
}

// noID is the number of a backend that HAProxy has not: it is looked for again
// when the configured weights are, not at every poll.
const noID = -1

// wantAll says whether one dump of everything costs clearly less than one for
// each backend, or whether only that tells their numbers. One dump needs room for
// all of it at once.
func (p *Proxy) wantAll(backends []*Backend) bool {
	wanted := 0
	for _, b := range backends {
		switch p.ids[b.name] {
		case 0:
			return true
		case noID:
		default:
			wanted += headerRows + b.size()
		}
	}
	return len(backends) > 1 && wanted >= p.total+p.total/10
}
