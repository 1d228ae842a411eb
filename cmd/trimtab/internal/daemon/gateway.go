package daemon

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/netip"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/keypair"
	"github.com/trimtab-lb/trimtab/haproxy/agentcheck"
	"github.com/trimtab-lb/trimtab/scorer/assign/dns"
	"github.com/trimtab-lb/trimtab/scorer/assign/redirect"
)

// listener is what HAProxies, clients or resolvers ask.
type listener interface {
	Run(ctx context.Context) error
	Close() error
}

// gateway is a listener that some pools share, which runs or is ready to.
type gateway[L listener] struct {
	server L
	lost   string // what it is to do without
	log    *slog.Logger
	cancel context.CancelFunc
	done   chan struct{}
}

func (g *gateway[L]) start() {
	ctx, cancel := context.WithCancel(context.Background())
	g.cancel = cancel
	go func() {
		defer close(g.done)
		if err := g.server.Run(ctx); err != nil {
			g.log.Error(g.lost, "error", err)
		}
	}()
}

func (g *gateway[L]) stop() {
	if g.cancel == nil {
		_ = g.server.Close() // never ran
		return
	}
	g.cancel()
	<-g.done
}

// What is lost with a listener.
const (
	noAnswers = "agent-checks are no longer answered; HAProxy keeps its weights"
	noPlaces  = "clients are no longer told where to go"
)

// gateways are all that HAProxies, clients and resolvers ask, by what they listen on.
type gateways struct {
	agents    map[string]*gateway[*agentcheck.Server]
	redirects map[string]*gateway[*redirect.Server]
	zones     map[string]*gateway[*dns.Server]
	// allow is who may ask for agent-checks.
	allow map[string][]netip.Prefix
	// secure are the certificates of redirects, of those that have one.
	secure map[string]*tls.Config
}

func newGateways() gateways {
	return gateways{
		agents:    map[string]*gateway[*agentcheck.Server]{},
		redirects: map[string]*gateway[*redirect.Server]{}, zones: map[string]*gateway[*dns.Server]{},
		allow: map[string][]netip.Prefix{}, secure: map[string]*tls.Config{},
	}
}

// need sees to the listener of a target, which may run already.
func (g gateways) need(t config.Target, running gateways, log *slog.Logger) error {
	switch {
	case t.AgentCheck != nil:
		at, allow := t.AgentCheck.Listen, t.AgentCheck.AllowPrefixes()
		g.allow[at] = allow
		return open(g.agents, running.agents, "agent_check", at, noAnswers, log, func() (*agentcheck.Server, error) {
			return agentcheck.Listen(context.Background(), agentcheck.Config{Listen: at, Allow: allow, Logger: log})
		})
	case t.Redirect != nil:
		if err := g.certify(t.Redirect, log); err != nil {
			return err
		}
		return open(g.redirects, running.redirects, "listen", t.Redirect.Listen, noPlaces, log, func() (*redirect.Server, error) {
			return redirect.Listen(context.Background(), redirect.Config{Listen: t.Redirect.Listen, Logger: log})
		})
	case t.DNS != nil:
		return open(g.zones, running.zones, "listen", t.DNS.Listen, noPlaces, log, func() (*dns.Server, error) {
			return dns.Listen(context.Background(), dns.Config{Listen: t.DNS.Listen, Logger: log})
		})
	default:
		return nil
	}
}

// certify reads the certificate of a redirect, where there is one.
func (g gateways) certify(r *config.Redirect, log *slog.Logger) error {
	if r.TLS == nil {
		return nil
	}
	pair, err := keypair.Load(r.TLS.Cert, r.TLS.Key, log)
	if err != nil {
		return fmt.Errorf("redirect %s: %w", r.Listen, err)
	}
	g.secure[r.Listen] = pair.Config()
	return nil
}

func open[L listener](all, running map[string]*gateway[L], what, at, lost string, log *slog.Logger, listen func() (L, error)) error {
	switch {
	case all[at] != nil:
	case running[at] != nil:
		all[at] = running[at]
	default:
		server, err := listen()
		if err != nil {
			return fmt.Errorf("%s %s: %w", what, at, err)
		}
		all[at] = &gateway[L]{server: server, lost: lost, log: log, done: make(chan struct{})}
	}
	return nil
}

// drop stops those that are not among the others.
func (g gateways) drop(others gateways) {
	stopOthers(g.agents, others.agents)
	stopOthers(g.redirects, others.redirects)
	stopOthers(g.zones, others.zones)
}

// swap makes the next ones run instead of these.
func (g gateways) swap(next gateways) {
	g.drop(next)
	for at, a := range next.agents {
		if err := a.server.Allow(next.allow[at]); err != nil {
			a.log.Error("who may ask for agent-checks stays as it was", "error", err)
		}
	}
	for at, r := range next.redirects {
		r.server.SetTLS(next.secure[at])
	}
	startOthers(next.agents, g.agents)
	startOthers(next.redirects, g.redirects)
	startOthers(next.zones, g.zones)
}

func stopOthers[L listener](all, keep map[string]*gateway[L]) {
	for at, g := range all {
		if keep[at] != g {
			g.stop()
		}
	}
}

func startOthers[L listener](all, running map[string]*gateway[L]) {
	for at, g := range all {
		if running[at] != g {
			g.start()
		}
	}
}
