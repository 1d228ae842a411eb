package haproxy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// BackendInfo is what a socket shows of one backend.
type BackendInfo struct {
	Name      string
	Algorithm scorer.Algorithm
	// Mode is "http" or "tcp".
	Mode string
	// Why says why the backend cannot be tuned; empty when it can.
	Why     string
	Servers []ServerInfo
}

// ServerInfo is one server of a BackendInfo.
type ServerInfo struct {
	Name, Address, Status string
	// Weight is what was set last.
	Weight int
	// Agent says that an agent-check sets weights, Ramping that slowstart is
	// raising the weight now.
	Agent, Ramping bool
}

// Discover lists HAProxy's backends, sorted by name.
func (p *Proxy) Discover(ctx context.Context) ([]BackendInfo, error) {
	found := map[string]*BackendInfo{}
	parser := newStatParser()
	_, err := p.session.Exchange(ctx, []string{"show stat -1 6 -1"}, func(_ int, text []byte) error {
		if severityOf(text) >= 0 {
			return refused("show stat", text)
		}
		return parser.parse(text, func(r *row) { p.collect(found, r) })
	})
	if err != nil {
		return nil, err
	}
	out := make([]BackendInfo, 0, len(found))
	for _, b := range found {
		b.Why = b.whyNot()
		slices.SortFunc(b.Servers, func(a, c ServerInfo) int { return strings.Compare(a.Name, c.Name) })
		out = append(out, *b)
	}
	slices.SortFunc(out, func(a, b BackendInfo) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func (p *Proxy) collect(found map[string]*BackendInfo, r *row) {
	b := found[r.backend]
	if b == nil {
		b = &BackendInfo{Name: r.backend}
		found[r.backend] = b
	}
	b.Mode = r.mode
	if r.server == backendRow {
		b.Algorithm = algorithmOf(r.algorithm)
		if named, ok := p.algorithm[b.Name]; ok && (r.algorithm == "" || r.algorithm == "unknown") {
			b.Algorithm = algorithmOf(named)
		}
		return
	}
	b.Servers = append(b.Servers, ServerInfo{
		Name: r.server, Address: r.address, Status: r.status, Weight: r.weight,
		Agent: r.agent, Ramping: r.throttled,
	})
}

func (b *BackendInfo) whyNot() string {
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
	default:
		return ""
	}
}

// Poll reads once outside of Run, for a first look.
func (p *Proxy) Poll(ctx context.Context) error {
	err := p.poll(ctx)
	p.publish(&pollState{at: time.Now(), err: err, interval: p.config.PollInterval})
	return err
}
