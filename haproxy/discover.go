package haproxy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/trimtab-lb/trimtab/scorer"
)

// BackendInfo is what a socket shows of one backend.
type BackendInfo struct {
	Name      string
	Algorithm scorer.Algorithm
	// Mode is "http" or "tcp".
	Mode string
	// SlowStart says that servers which come back are ramped up: by the
	// configuration file, or by one that is ramping now.
	SlowStart bool
	// Why says why the backend cannot be tuned; empty when it can.
	Why     string
	Servers []ServerInfo
}

// ServerInfo is one server of a BackendInfo.
type ServerInfo struct {
	Name, Address, Status string
	Condition             scorer.Condition
	// Weight is what was set last, Initial the configured one.
	Weight, Initial int
	// Agent says that an agent-check sets weights, Ramping that slowstart is
	// raising the weight now.
	Agent, Ramping bool
}

// Discover lists HAProxy's backends, sorted by name, each with its servers in
// HAProxy's order.
func (p *Proxy) Discover(ctx context.Context) ([]BackendInfo, error) {
	type key struct{ backend, server string }
	found := map[string]*BackendInfo{}
	balance := map[string]string{}
	initial := map[key]int{}
	var now process
	parser := newStatParser()
	requests := []request{
		{"show info", func(text []byte) (err error) { now, err = parseInfo(text); return err }},
		{"show servers state", func(text []byte) error {
			return parseInitial(text, func(backend, server []byte, weight int) {
				initial[key{string(backend), string(server)}] = weight
			})
		}},
		{"show stat -1 6 -1", func(text []byte) error {
			return parser.parse(text, func(r *row) {
				if found[r.backend] == nil {
					found[r.backend] = &BackendInfo{Name: r.backend, Mode: r.mode}
				}
				if r.server == backendRow {
					balance[r.backend] = r.algorithm
					return
				}
				found[r.backend].add(r, initial[key{r.backend, r.server}])
			})
		}},
	}
	commands := []string{requests[0].command, requests[1].command, requests[2].command}
	_, err := p.session.Exchange(ctx, commands, func(i int, text []byte) error {
		if severityOf(text) >= 0 {
			return refused(commands[i], text)
		}
		return requests[i].read(text)
	})
	if err != nil {
		return nil, err
	}
	out := make([]BackendInfo, 0, len(found))
	for _, b := range found {
		file := p.inFile(b.Name)
		b.Algorithm = algorithmOf(balance[b.Name], file, now.version)
		b.SlowStart = b.SlowStart || file.slowStart
		b.Why = b.whyNot(p.session.Level())
		out = append(out, *b)
	}
	slices.SortFunc(out, func(a, b BackendInfo) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func (b *BackendInfo) add(r *row, initial int) {
	s := server{name: r.server, address: r.address, status: r.status, weight: r.weight, initial: initial}
	b.SlowStart = b.SlowStart || r.throttled
	b.Servers = append(b.Servers, ServerInfo{
		Name: r.server, Address: r.address, Status: r.status, Condition: s.condition(),
		Weight: r.weight, Initial: initial, Agent: r.agent, Ramping: r.throttled,
	})
}

func (b *BackendInfo) whyNot(level string) string {
	if err := checkName("backend", b.Name); err != nil {
		return err.Error()
	}
	for _, s := range b.Servers {
		if err := checkName("server", s.Name); err != nil {
			return err.Error()
		}
	}
	switch {
	case len(b.Servers) < 2:
		return fmt.Sprintf("%d servers: there is nothing to share out", len(b.Servers))
	case b.Algorithm == scorer.FixedWeights:
		return ErrStaticAlgorithm.Error()
	case level != "" && level != levelAdmin:
		return fmt.Sprintf("the socket has level %s: %v", level, ErrPermission)
	default:
		return ""
	}
}
